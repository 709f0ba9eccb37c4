import { defineConfig } from "@playwright/test";

const ci = process.env.CI === "true";

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  // Two cores suffice for one browser and one node; each worker has one of both.
  workers: 2,
  fullyParallel: false,
  // Measurements of smoothness and load time have the machine for themselves.
  projects: [
    { name: "ways", testIgnore: /(long|first-load)\.spec/ },
    { name: "measured", testMatch: /(long|first-load)\.spec/, dependencies: ["ways"], workers: 1, use: { trace: "off" } },
  ],
  forbidOnly: ci,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: {
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    launchOptions: {
      executablePath: process.env.E2E_CHROMIUM,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});

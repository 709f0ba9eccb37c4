import { defineConfig } from "@playwright/test";

const ci = process.env.CI === "true";

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  // Two cores carry one browser and one node well; each worker has its own of both.
  workers: 2,
  fullyParallel: false,
  // What measures how smooth or how soon a page is has the machine for itself.
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

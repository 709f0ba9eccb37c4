// `make screenshots`: the fixtures of the tests, with pictures as the result.
import tests from "./playwright.config";

export default { ...tests, testDir: "screenshots", workers: 1 };

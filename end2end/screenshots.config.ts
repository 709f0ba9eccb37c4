// `make screenshots`: the same fixtures as the tests, but what comes out is pictures.
import tests from "./playwright.config";

export default { ...tests, testDir: "screenshots", workers: 1 };

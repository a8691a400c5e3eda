/**
 * The browser's storage in memory, which the test environment does not have. In a test:
 * `vi.mock("idb-keyval", () => import("../testing/storage"))`. One for all tests, which clear it: files share modules.
 */

/** What is stored, by its key. */
export const storage = new Map<string, unknown>();

export const createStore = () => undefined;
export const get = async (key: string) => structuredClone(storage.get(key));
export const set = async (key: string, value: unknown) => void storage.set(key, structuredClone(value));
export const del = async (key: string) => void storage.delete(key);
export const keys = async () => [...storage.keys()];

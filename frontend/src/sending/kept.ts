/** What this browser keeps until the server has it, by its databases; light enough for the first page. */

/** A database for each kind of thing that is kept. */
export const VERDICTS = "retinote-verdicts";
export const DRAWINGS = "retinote";

/** Whether anything was ever kept here. A browser that doesn't tell its databases may have kept something. */
export async function mayHoldLeftovers(): Promise<boolean> {
  if (!("databases" in indexedDB)) return true;
  const known = await indexedDB.databases().catch(() => null);
  return known === null || known.some(({ name }) => name === VERDICTS || name === DRAWINGS);
}

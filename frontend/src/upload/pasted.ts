/** Which files of the clipboard are meant to be uploaded. */

const TEXT_FIELDS =
  "textarea, [contenteditable=''], [contenteditable=true], [contenteditable=plaintext-only], " +
  "input:not([type=checkbox], [type=radio], [type=range], [type=button], [type=submit], [type=file])";

/**
 * The files of a paste; none where its text is meant, of which spreadsheets and word processors add a picture, and none
 * in a text field, unless it is one of the upload's own.
 */
export function pastedFiles({ clipboardData, target }: ClipboardEvent, isUploadOpen: boolean): File[] {
  const files = [...(clipboardData?.files ?? [])];
  if (isText(clipboardData?.getData("text/plain") ?? "", files)) return [];
  const isInField = target instanceof Element && target.closest(TEXT_FIELDS) !== null;
  return isInField && !isUploadOpen ? [] : files;
}

/** Whether there is text that is more than the files' names, which file managers add to copied files. */
function isText(text: string, files: readonly File[]): boolean {
  if (text === "") return false;
  const names = files.map(({ name }) => name.normalize());
  const lines = text
    .normalize()
    .trim()
    .split(/[\r\n]+/);
  // The name, or the path that ends with it.
  return !lines.every((line) => names.includes(line.split("/").at(-1)!));
}

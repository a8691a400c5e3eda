// @vitest-environment jsdom

import { beforeEach, describe, expect, it } from "vitest";

import { pastedFiles } from "./pasted";

const picture = new File(["x"], "image.png", { type: "image/png" });

beforeEach(() => {
  document.body.innerHTML = `
    <button>Upload</button>
    <label><input type="checkbox"> Choose</label>
    <input type="search">
    <textarea></textarea>
    <div contenteditable="true"><p>A note</p></div>`;
});

/** The names of what is uploaded when files and text are pasted into an element. */
function uploaded(selector: string, files: File[], text = "", isUploadOpen = false): string[] {
  let found: File[] = [];
  const take = (event: Event) => (found = pastedFiles(event as ClipboardEvent, isUploadOpen));
  window.addEventListener("paste", take, { once: true });
  const clipboardData = { files, getData: (type: string) => (type === "text/plain" ? text : "") };
  const event = Object.assign(new Event("paste", { bubbles: true }), { clipboardData });
  document.querySelector(selector)!.dispatchEvent(event);
  return found.map(({ name }) => name);
}

describe("what is pasted", () => {
  it("is uploaded if it is a picture", () => {
    for (const place of ["body", "button", "input[type=checkbox]"])
      expect(uploaded(place, [picture]), place).toEqual(["image.png"]);
  });

  it("is not uploaded where it is text, of which there is a picture beside it", () => {
    for (const place of ["body", "input[type=search]", "textarea", "p"])
      expect(uploaded(place, [picture], "Miller\t1962\r\nSmith\t1970"), place).toEqual([]);
    expect(uploaded("input[type=search]", [picture], "Miller", true)).toEqual([]);
    expect(uploaded("body", [picture], "\t\r\n"), "empty cells").toEqual([]);
  });

  it("is not uploaded from a text field, unless that describes an upload", () => {
    for (const place of ["input[type=search]", "textarea", "p"])
      expect(uploaded(place, [picture]), place).toEqual([]);
    expect(uploaded("input[type=search]", [picture], "", true)).toEqual(["image.png"]);
  });

  it("is uploaded if the text is no more than the names of files", () => {
    const [left, right] = ["links.dcm", "für rechts.dcm"].map((name) => new File(["x"], name));
    expect(uploaded("body", [left!, right!], "links.dcm\rfu\u0308r rechts.dcm")).toHaveLength(2);
    expect(uploaded("body", [left!], "/home/ada/scans/links.dcm\n")).toEqual(["links.dcm"]);
  });
});

// @vitest-environment jsdom

import { act } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { accessToken, renewedToken, signOut } from "../api/session";
import { OCT } from "../testing/modalities";
import { field, press, type Screen, settled, show, type } from "../testing/screen";
import { answer, refusal, serve, token } from "../testing/server";
import { texts } from "../texts";
import { UploadProvider } from "./UploadProvider";

/** A file on its way to the server, which the test answers. */
interface Sent {
  form: FormData;
  answer: (status: number, body: unknown) => Promise<void>;
}

const PATIENT = texts.details.patient_ref;
const SCAN = { id: "s1", modality: "oct", status: "queued" };
const OTHER_PATIENT = { field: "patient_ref", entered: "P-1", found: "P-0", found_in: "earlier_upload" };

let sent: Sent[];
let isSignedIn: boolean;
/** Whose sign-in the browser's cookie is. */
let user: string;
let screen: Screen;

beforeEach(async () => {
  sent = [];
  isSignedIn = true;
  user = "u1";
  vi.stubGlobal("XMLHttpRequest", Sending);
  serve(({ path }) => {
    if (path === "auth/me/") return answer({ id: "u1", abilities: ["may_upload"] });
    if (path.startsWith("auth/")) return isSignedIn ? answer({ access: token(user) }) : refusal(401);
    return answer({ modalities: [OCT], most_picture_bytes: 2 ** 20, most_volume_bytes: 2 ** 20 });
  });
  screen = await show(<UploadProvider>{null}</UploadProvider>);
});

afterEach(async () => {
  await screen.close();
  isSignedIn = true;
  await signOut();
});

class Sending {
  upload = {};
  onload = () => undefined;
  open = () => undefined;
  setRequestHeader = () => undefined;
  send(form: FormData) {
    sent.push({
      form,
      answer: async (status, body) => {
        Object.assign(this, { status, responseText: JSON.stringify(body) });
        this.onload();
        await settled();
      },
    });
  }
}

/** Pastes files, which opens the panel. */
async function paste(...names: string[]): Promise<void> {
  const files = names.map((name) => new File([name], name));
  const event = Object.assign(new Event("paste"), { clipboardData: { files, getData: () => "" } });
  await act(async () => void window.dispatchEvent(event));
  await settled();
}

/** The states of the files in the list. */
function states(): (string | undefined)[] {
  return [...document.querySelectorAll<HTMLElement>("[data-testid=upload]")].map(
    ({ dataset }) => dataset.state,
  );
}

describe("a file that comes while the panel asks about another", () => {
  it("is not sent with what was typed before and is out of sight", async () => {
    await paste("first.png");
    await type(PATIENT, "P-2");
    await sent[0]!.answer(201, { ...SCAN, differences: [OTHER_PATIENT] });
    expect(field(PATIENT)).toBeNull();

    await paste("second.png");

    expect(states()).toEqual(["done", "open"]);
    expect(sent).toHaveLength(1);
    expect(field(texts.upload.of(PATIENT, "second.png"))?.value).toBe("P-2");
  });
});

describe("an upload that is done", () => {
  it("opens its answer", async () => {
    await paste("first.png");
    await sent[0]!.answer(201, SCAN);
    expect(screen.path()).toBe("/scans/s1");
    expect(field(PATIENT)).toBeNull();
  });

  it("leaves the panel and what is typed for the next file", async () => {
    await paste("first.png");
    await type(PATIENT, "P-2");
    await sent[0]!.answer(201, SCAN);
    expect(field(PATIENT)?.value).toBe("P-2");
    expect(screen.path()).toBe("/");
  });

  it("leaves the page to which somebody went meanwhile", async () => {
    await paste("first.png");
    await screen.go("/scans/s9");
    await sent[0]!.answer(201, SCAN);
    expect(screen.path()).toBe("/scans/s9");
  });

  it("gives its details to no later file", async () => {
    await paste("first.png");
    await type(PATIENT, "P-2");
    await paste("second.png");
    expect(sent[1]!.form.get("patient_ref")).toBe("P-2");
    expect(field(PATIENT)?.value).toBe("");
  });
});

describe("uploads without a session", () => {
  it("wait with their details until somebody has signed in and sends them", async () => {
    await paste("first.png", "second.png", "third.png");
    await type(texts.upload.of(PATIENT, "third.png"), "P-3");
    await press(texts.upload.begin(3));
    isSignedIn = false;
    for (const { answer } of [...sent]) await answer(401, {});

    expect(states()).toEqual(["open", "open", "open"]);
    expect(sent).toHaveLength(2);

    isSignedIn = true;
    await press(texts.upload.begin(3));
    for (const { answer } of sent.slice(2)) await answer(201, SCAN);
    expect(sent[4]!.form.get("patient_ref")).toBe("P-3");
  });
});

describe("an upload that waits while another user signs in in another tab", () => {
  it("is not sent before that user has looked at it", async () => {
    await paste("first.png", "second.png", "third.png");
    await press(texts.upload.begin(3));
    user = "u2";
    await act(async () => renewedToken(await accessToken()).then(undefined, () => undefined));

    for (const { answer } of [...sent]) await answer(201, SCAN);

    expect(states()).toEqual(["done", "done", "open"]);
    expect(sent).toHaveLength(2);
  });
});

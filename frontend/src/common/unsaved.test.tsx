// @vitest-environment jsdom

import { describe, expect, it, vi } from "vitest";

import { show } from "../testing/screen";
import { isWindowNeeded, sendUnsent, useUnsent } from "./unsaved";

function Waiting({
  send,
  waits = () => true,
}: {
  send: (() => Promise<void>) | null;
  waits?: () => boolean;
}) {
  useUnsent(waits, send);
  return null;
}

describe("what the server does not have yet", () => {
  it("is sent before somebody signs out", async () => {
    let waits = true;
    const send = vi.fn(async () => void (waits = false));
    const screen = await show(<Waiting waits={() => waits} send={send} />);
    expect(isWindowNeeded()).toBe(true);
    expect(await sendUnsent()).toBe(true);
    expect(send).toHaveBeenCalledOnce();
    expect(isWindowNeeded()).toBe(false);
    await screen.close();
  });

  it("holds up the signing out where it is not sent then, like files to be uploaded", async () => {
    let waits = true;
    const screen = await show(<Waiting waits={() => waits} send={null} />);
    expect(await sendUnsent()).toBe(false);
    waits = false;
    expect(await sendUnsent()).toBe(true);
    await screen.close();
  });

  it("is sent, too, where nobody who closes the window is asked about it", async () => {
    const send = vi.fn(async () => undefined);
    const screen = await show(<Waiting waits={() => false} send={send} />);
    expect(isWindowNeeded()).toBe(false);
    expect(await sendUnsent()).toBe(true);
    expect(send).toHaveBeenCalledOnce();
    await screen.close();
  });

  it("holds nothing up where it is kept in this browser, though it could not be sent", async () => {
    const screen = await show(<Waiting send={async () => undefined} />);
    expect(await sendUnsent()).toBe(true);
    await screen.close();
  });
});

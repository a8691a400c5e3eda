// @vitest-environment jsdom

import { locks } from "node:worker_threads";

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { accessToken, signOut } from "../api/session";
import type { Annotation, AnnotationChange } from "../api/types";
import { answer, refusal, type Request, serve, token } from "../testing/server";
import { storage } from "../testing/storage";
import type { Geometry } from "./kinds";
import { newShape, type Shape } from "./shapes";
import { type Loaded, sendDrawings, type SaveState, Sync } from "./sync";
import { toSelector } from "./w3c";

vi.mock("idb-keyval", () => import("../testing/storage"));

const BOX: Geometry = { kind: "box", x: 1, y: 2, width: 30, height: 40 };
const MOVED: Geometry = { ...BOX, x: 100 };

/** The server's annotations on the scan "s1", with their revisions. */
class Annotations {
  /** Who is signed in in this browser. */
  user = "u1";
  readonly stored = new Map<string, Annotation>();
  /** What to do with the next calls in place of answering them; `after` makes the change, and loses the answer. */
  fault: ((request: Request) => Response | Promise<Response> | "after" | null) | null = null;
  private created = 0;

  handle = (request: Request): Response | Promise<Response> => {
    if (request.path.startsWith("auth/")) return answer({ access: token(this.user, 30) });
    const fault = this.fault?.(request);
    if (fault && fault !== "after") return fault;
    const made = this.change(request);
    return fault ? Promise.reject(new TypeError("the answer is lost")) : made;
  };

  put(id: string, geometry: Geometry, revision = 1): void {
    this.store(id, { target: { selector: toSelector(geometry) }, label: "", comment: "" }, revision);
  }

  private change({ method, path, body, headers }: Request): Response {
    if (path.startsWith("scans/")) {
      if (method === "GET") return answer([...this.stored.values()]);
      return answer(this.store(`a${++this.created}`, body as AnnotationChange, 1), 201);
    }
    const id = path.split("/")[1]!;
    const found = this.stored.get(id);
    if (!found) return refusal(404, "not_found");
    if (method === "GET") return answer(found);
    if (headers.get("If-Match") !== `"${found.revision}"`) return refusal(412, "changed");
    if (method === "PUT") return answer(this.store(id, body as AnnotationChange, found.revision + 1));
    this.stored.delete(id);
    return answer(null, 204);
  }

  private store(id: string, body: AnnotationChange, revision: number): Annotation {
    const stored = { ...body, id, revision, mine: true } as Annotation;
    this.stored.set(id, stored);
    return stored;
  }
}

let server: Annotations;
let requests: Request[];
let states: SaveState[];
let conflicts: Shape[];
let loaded: Loaded;

beforeEach(() => {
  Object.defineProperty(navigator, "locks", { value: locks, configurable: true });
  storage.clear();
  server = new Annotations();
  requests = serve(server.handle);
  states = [];
  conflicts = [];
});

afterEach(() => signOut());

async function opened(user = "u1"): Promise<Sync> {
  const sync = new Sync(user, "s1", {
    onState: (state) => states.push(state),
    onConflict: (theirs) => conflicts.push(theirs),
  });
  loaded = await sync.load();
  return sync;
}

/** What was changed on the server, in order. */
function changes(): string[] {
  return requests
    .filter(({ method, path }) => method !== "GET" && !path.startsWith("auth/"))
    .map(({ method, path }) => `${method} ${path}`);
}

const offline = () => Promise.reject(new TypeError("network"));
const geometries = () => [...server.stored.values()].map(({ target }) => target.selector);

describe("a drawing", () => {
  it("goes to the server with each change: a new shape, its next form, its end", async () => {
    const sync = await opened();
    const shape = newShape(BOX);
    for (const shapes of [[shape], [{ ...shape, geometry: MOVED }], []]) {
      sync.replace(shapes);
      await sync.flush();
    }
    expect(changes()).toEqual([
      "POST scans/s1/annotations/",
      "PUT annotations/a1/",
      "DELETE annotations/a1/",
    ]);
    expect(states.at(-1)).toBe("saved");
    expect(storage.size).toBe(0);
    sync.stop();
  });

  it("is kept in the browser until the server has it", async () => {
    const sync = await opened();
    server.fault = offline;
    sync.replace([newShape(BOX)]);
    await sync.flush();
    expect(states.at(-1)).toBe("unsaved");
    expect([...storage.keys()]).toEqual(["u1/s1"]);

    server.fault = null;
    await sync.flush();

    expect(states.at(-1)).toBe("saved");
    expect(storage.size).toBe(0);
    expect(geometries()).toEqual([toSelector(BOX)]);
    sync.stop();
  });

  it("comes back as it was kept while the server can't be reached, and is sent then", async () => {
    const first = await opened();
    server.fault = offline;
    const shape = newShape(BOX);
    first.replace([shape]);
    await first.flush();
    first.stop();

    const second = new Sync("u1", "s1", { onState: (state) => states.push(state), onConflict: vi.fn() });
    expect(await second.load()).toEqual({ shapes: [shape], others: [], conflict: false });
    server.fault = null;
    await second.flush();

    expect(geometries()).toEqual([toSelector(BOX)]);
    second.stop();
  });

  it("is not sent twice when only the answer was lost", async () => {
    const sync = await opened();
    server.fault = ({ method }) => (method === "POST" ? "after" : null);
    sync.replace([newShape(BOX)]);
    await sync.flush();
    expect([states.at(-1), server.stored.size]).toEqual(["unsaved", 1]);

    server.fault = null;
    await sync.flush();

    expect(changes()).toEqual(["POST scans/s1/annotations/"]);
    expect(states.at(-1)).toBe("saved");
    sync.stop();
  });

  it("is not sent in the name of another user", async () => {
    server.user = "u2";
    const sync = await opened("u2");
    server.user = "u1";
    sync.replace([newShape(BOX)]);
    await sync.flush();
    expect(changes()).toEqual([]);
    expect(states.at(-1)).toBe("unsaved");
    expect([...storage.keys()]).toEqual(["u2/s1"]);
    sync.stop();
  });
});

describe("a change whose answer was lost", () => {
  const CORNER: Geometry = { ...BOX, x: 0, y: 0 };

  /** A window in which a shape that the server has was changed to each of these in turn; the first answer was lost. */
  async function changed(...forms: (Geometry | null)[]): Promise<Sync> {
    server.put("a9", BOX);
    const sync = await opened();
    const [shape] = loaded.shapes;
    server.fault = ({ method }) => (method === "GET" ? null : "after");
    for (const geometry of forms) {
      sync.replace(geometry ? [{ ...shape!, geometry }] : []);
      await sync.flush();
      expect(states.at(-1)).toBe("unsaved");
      server.fault = offline;
    }
    server.fault = null;
    return sync;
  }

  it.each([
    ["is no conflict", [MOVED], [MOVED]],
    ["is no conflict with the next change", [MOVED, CORNER], [CORNER]],
    ["can be undone", [MOVED, BOX], [BOX]],
    ["can be followed by the shape's end", [MOVED, null], []],
    ["can be the shape's end", [null], []],
    ["can be the shape's end, and be undone", [null, BOX], [BOX]],
  ])("%s", async (_, forms, left) => {
    const sync = await changed(...forms);
    await sync.flush();
    expect(conflicts).toEqual([]);
    expect(geometries()).toEqual(left.map(toSelector));
    expect(states.at(-1)).toBe("saved");
    expect(storage.size).toBe(0);
    sync.stop();
  });

  it.each([
    ["is no conflict", [MOVED], [MOVED]],
    ["can be undone", [MOVED, BOX], [BOX]],
    ["can be followed by the shape's end", [MOVED, null], []],
    ["can be the shape's end, and be undone", [null, BOX], [BOX]],
  ])("%s on the next visit", async (_, forms, left) => {
    (await changed(...forms)).stop();
    const sync = await opened();
    await sync.flush();
    expect(loaded.conflict).toBe(false);
    expect(geometries()).toEqual(left.map(toSelector));
    expect(storage.size).toBe(0);
    sync.stop();
  });

  it.each([
    [
      "moved",
      [
        { ...newShape(BOX), key: "new" },
        { ...newShape(MOVED), key: "new" },
      ],
      [MOVED],
    ],
    ["deleted", [{ ...newShape(BOX), key: "new" }, null], []],
  ])("makes one shape of a new one that was %s meanwhile", async (_, forms, left) => {
    const sync = await opened();
    server.fault = ({ method }) => (method === "POST" ? "after" : null);
    for (const shape of forms) {
      sync.replace(shape ? [shape] : []);
      if (shape?.geometry === BOX) await sync.flush();
      server.fault = null;
    }
    await sync.flush();
    expect(geometries()).toEqual(left.map(toSelector));
    expect([states.at(-1), storage.size]).toEqual(["saved", 0]);
    sync.stop();
  });
});

describe("a scan that is left and opened again at once", () => {
  it("waits for what is on its way, and sends nothing twice", async () => {
    const first = await opened();
    let arrive = (): void => undefined;
    server.fault = ({ method }) =>
      method === "POST" ? new Promise((_, reject) => (arrive = () => reject(new TypeError("lost")))) : null;
    first.replace([newShape(BOX)]);
    first.finish();
    await vi.waitFor(() => expect(changes()).toHaveLength(1));

    const opening = opened();
    server.put("a9", BOX);
    server.fault = null;
    arrive();
    const second = await opening;
    await second.flush();

    expect(changes()).toEqual(["POST scans/s1/annotations/"]);
    expect(loaded.shapes).toHaveLength(1);
    expect([states.at(-1), storage.size]).toEqual(["saved", 0]);
    second.stop();
  });
});

describe("a shape", () => {
  it("that was changed here and elsewhere is there twice: theirs, and the own one as a new shape", async () => {
    server.put("a9", BOX);
    const sync = await opened();
    const { shapes } = loaded;
    server.put("a9", { ...BOX, y: 77 }, 2);

    sync.replace([{ ...shapes[0]!, geometry: MOVED }]);
    await sync.flush();

    expect(conflicts.map(({ geometry }) => geometry)).toEqual([{ ...BOX, y: 77 }]);
    expect(geometries()).toEqual([toSelector({ ...BOX, y: 77 }), toSelector(MOVED)]);
    expect(states.at(-1)).toBe("saved");
    sync.stop();
  });

  it("that was deleted elsewhere is made anew when it is changed here", async () => {
    server.put("a9", BOX);
    const sync = await opened();
    const { shapes } = loaded;
    server.stored.clear();
    sync.replace([{ ...shapes[0]!, geometry: MOVED }]);
    await sync.flush();
    expect(changes()).toEqual(["PUT annotations/a9/", "POST scans/s1/annotations/"]);
    expect(geometries()).toEqual([toSelector(MOVED)]);
    sync.stop();
  });

  it("that the server refuses is not sent again before it is changed; the others are", async () => {
    const sync = await opened();
    server.fault = ({ method, body }) =>
      method === "POST" && (body as AnnotationChange).label === "wrong" ? refusal(400) : null;
    const wrong = newShape(BOX, "wrong");
    const right = newShape(MOVED, "right");
    sync.replace([wrong, right]);
    await sync.flush();
    await sync.flush();
    expect(changes()).toHaveLength(2);
    expect([states.at(-1), server.stored.size]).toEqual(["refused", 1]);

    sync.replace([{ ...wrong, label: "better" }, right]);
    await sync.flush();

    expect([states.at(-1), server.stored.size]).toEqual(["saved", 2]);
    sync.stop();
  });
});

describe("a refused shape", () => {
  it("is no reason to be unsaved any more once it is deleted", async () => {
    const sync = await opened();
    server.fault = ({ method }) => (method === "POST" ? refusal(400) : null);
    sync.replace([newShape(BOX)]);
    await sync.flush();
    expect(states.at(-1)).toBe("refused");
    sync.replace([]);
    await sync.flush();
    expect(states.at(-1)).toBe("saved");
    sync.stop();
  });
});

describe("what was left in this browser", () => {
  it("is sent without anybody opening its scan, unless a window has it open", async () => {
    const sync = await opened();
    server.fault = offline;
    sync.replace([newShape(BOX)]);
    await sync.flush();
    server.fault = null;
    requests.length = 0;

    expect(await sendDrawings("u1")).toBe(1);
    expect(changes()).toEqual([]);
    sync.stop();
    await vi.waitFor(async () => expect(await sendDrawings("u1")).toBe(0));

    expect(geometries()).toEqual([toSelector(BOX)]);
  });

  it("stays as it is, a shape's end too, while somebody else is signed in", async () => {
    server.put("a9", BOX);
    const sync = await opened();
    server.fault = offline;
    sync.replace([]);
    await sync.flush();
    sync.stop();
    const kept = structuredClone(storage.get("u1/s1"));
    // The colleague, who has drawn nothing here.
    server = new Annotations();
    server.user = "u2";
    requests = serve(server.handle);
    await accessToken().catch(() => undefined);
    requests.length = 0;
    await vi.waitFor(async () => {
      expect(await sendDrawings("u1")).toBe(1);
      expect(requests.length).toBeGreaterThan(0);
    });
    expect(storage.get("u1/s1")).toEqual(kept);
    expect(changes()).toEqual([]);
  });

  it("goes no further once somebody else has signed in while it is sent", async () => {
    const sync = await opened();
    server.fault = offline;
    sync.replace([newShape(BOX), newShape(MOVED)]);
    await sync.flush();
    sync.stop();
    server.fault = (request) => {
      if (request.method !== "POST") return null;
      server.fault = null;
      server.user = "u2";
      const heard = accessToken().catch(() => undefined);
      return heard.then(() => server.handle(request));
    };
    await vi.waitFor(async () => {
      await sendDrawings("u1");
      expect(changes()).not.toEqual([]);
    });
    expect(geometries()).toEqual([toSelector(BOX)]);
    expect([...storage.keys()]).toEqual(["u1/s1"]);
  });
});

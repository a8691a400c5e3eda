import { Dropzone } from "@mantine/dropzone";
import { Center, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconUpload } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { useNavigate } from "react-router";

import { Problem } from "../api/problem";
import type { Scan } from "../api/types";
import { useUnsent } from "../common/unsaved";
import { useMay } from "../common/useMe";
import { texts } from "../texts";
import { send } from "./send";
import { UploadPanel } from "./UploadPanel";
import { type Details, isEmpty, isOver, NO_DETAILS, type Upload } from "./uploads";

const AT_ONCE = 2;

interface Uploads {
  uploads: Upload[];
  /** Opens the panel to pick files in. */
  open: () => void;
  /** Several files wait for a look at whose they are; one goes at once if its details are in sight, or there are none. */
  add: (files: File[], details: Details, inSight: boolean) => void;
  describe: (keys: number[], values: Partial<Details>) => void;
  /** Sends what was waiting for a look. */
  begin: () => void;
  /** Lets what was refused for its details be changed. */
  correct: (key: number) => void;
  remove: (key: number) => void;
  retry: (key: number) => void;
  /** Notes which of two values counts; `scan` is as it is then. */
  decide: (key: number, scan: Scan) => void;
  clear: () => void;
}

const Context = createContext<Uploads | null>(null);

/** The uploads of this page, which go on while people look at other things. */
export function useUploads(): Uploads {
  const uploads = useContext(Context);
  if (!uploads) throw new Error("useUploads is for parts of the UploadProvider");
  return uploads;
}

/** Takes files that are dropped, pasted or picked anywhere on the page, and sends them, a few at a time. */
export function UploadProvider({ children }: { children: ReactNode }) {
  const [uploads, setUploads] = useState<Upload[]>([]);
  const [opened, setOpened] = useState(false);
  const [details, setDetails] = useState<Details>(NO_DETAILS);
  const nextKey = useRef(0);
  const queries = useQueryClient();
  const navigate = useNavigate();
  const mayUpload = useMay("may_upload");

  const change = useCallback((key: number, values: Partial<Upload>) => {
    setUploads((all) => all.map((upload) => (upload.key === key ? { ...upload, ...values } : upload)));
  }, []);

  const start = useCallback(
    async (upload: Upload, alone: boolean) => {
      change(upload.key, { state: "sending", sent: 0 });
      try {
        const scan = await send(upload.file, upload.details, (sent) => change(upload.key, { sent }));
        change(upload.key, { state: "done", scan });
        queries.setQueryData(["scan", scan.id], scan);
        void queries.invalidateQueries({ queryKey: ["scans"] });
        void queries.invalidateQueries({ queryKey: ["options"] });
        if (scan.differences?.length) {
          setOpened(true);
        } else if (alone) {
          setOpened(false);
          setDetails(NO_DETAILS);
          if (scan.duplicate) notifications.show({ message: texts.upload.openedAgain, autoClose: 10_000 });
          void navigate(`/scans/${scan.id}`);
        }
      } catch (error) {
        const problem = error instanceof Problem ? error : new Problem(String(error), "unexpected", 0);
        change(upload.key, { state: "refused", problem });
        setOpened(true);
      }
    },
    [change, navigate, queries],
  );

  const running = uploads.filter((upload) => upload.state === "sending").length;
  useEffect(() => {
    const waiting = uploads.filter((upload) => upload.state === "waiting");
    for (const upload of waiting.slice(0, AT_ONCE - running)) void start(upload, uploads.length === 1);
  }, [uploads, running, start]);

  const unfinished = uploads.some((upload) => !isOver(upload) && upload.state !== "refused");
  useUnsent(() => unfinished);

  const add = useCallback((files: File[], given: Details, inSight: boolean) => {
    if (files.length === 0) return;
    const first = files.length > 1 || !(inSight || isEmpty(given)) ? "open" : "waiting";
    const made = files.map((file) => ({
      key: nextKey.current++,
      file,
      details: given,
      sent: 0,
      state: first as Upload["state"],
    }));
    // What ended well before is out of the way; what did not stays until it is dealt with.
    setUploads((all) => {
      const left = all.filter((upload) => !isOver(upload));
      // What comes beside files that wait for a look waits, too: one press sends them all.
      const waits = left.some((upload) => upload.state === "open");
      return [...left, ...(waits ? made.map((upload) => ({ ...upload, state: "open" as const })) : made)];
    });
    // Each has its own from now on; what comes later is somebody else's, for all that is known.
    if (first === "open") setDetails(NO_DETAILS);
    setOpened(true);
  }, []);

  useEffect(() => {
    if (!mayUpload) return;
    const paste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length === 0) return;
      event.preventDefault();
      add(files, details, opened);
    };
    window.addEventListener("paste", paste);
    return () => window.removeEventListener("paste", paste);
  }, [add, details, mayUpload, opened]);

  const value = useMemo<Uploads>(
    () => ({
      uploads,
      open: () => setOpened(true),
      add,
      describe: (keys, values) =>
        setUploads((all) =>
          all.map((upload) =>
            keys.includes(upload.key) ? { ...upload, details: { ...upload.details, ...values } } : upload,
          ),
        ),
      begin: () =>
        setUploads((all) => all.map((upload) => (upload.state === "open" ? waiting(upload) : upload))),
      correct: (key) => change(key, { state: "open" }),
      remove: (key) => setUploads((all) => all.filter((upload) => upload.key !== key)),
      retry: (key) =>
        setUploads((all) => all.map((upload) => (upload.key === key ? waiting(upload) : upload))),
      decide: (key, scan) =>
        setUploads((all) =>
          all.map((upload) =>
            upload.key === key ? { ...upload, scan: { ...upload.scan, ...scan }, decided: true } : upload,
          ),
        ),
      clear: () => setUploads((all) => all.filter((upload) => !isOver(upload) && upload.state !== "refused")),
    }),
    [uploads, add, change],
  );

  return (
    <Context.Provider value={value}>
      {children}
      {mayUpload && (
        <section aria-label={texts.upload.title}>
          <Dropzone.FullScreen active onDrop={(files) => add(files, details, opened)} zIndex={400}>
            <Center h="60vh" style={{ pointerEvents: "none" }}>
              <Stack align="center">
                <IconUpload size={56} aria-hidden />
                <Text size="xl" fw={600}>
                  {texts.upload.dropHere}
                </Text>
                <Text c="dimmed">{texts.upload.kinds}</Text>
              </Stack>
            </Center>
          </Dropzone.FullScreen>
          <UploadPanel
            opened={opened}
            onClose={() => setOpened(false)}
            details={details}
            onDetails={setDetails}
          />
        </section>
      )}
    </Context.Provider>
  );
}

/** An upload that goes as soon as there is room, whatever was wrong with it before. */
function waiting({ problem: _, ...upload }: Upload): Upload {
  return { ...upload, state: "waiting" };
}

import { Dropzone } from "@mantine/dropzone";
import { Center, Stack, Text } from "@mantine/core";
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
import type { UploadedScan } from "../api/types";
import { useMay } from "../common/useMe";
import { texts } from "../texts";
import { type Details, send } from "./send";
import { UploadPanel } from "./UploadPanel";

const AT_ONCE = 2;

export interface Upload {
  key: number;
  file: File;
  details: Details;
  /** Share that was sent, 0 to 1. */
  sent: number;
  state: "waiting" | "sending" | "done" | "refused";
  scan?: UploadedScan;
  problem?: Problem;
}

interface Uploads {
  uploads: Upload[];
  /** Opens the panel to pick files in. */
  open: () => void;
  add: (files: File[], details: Details) => void;
  retry: (key: number) => void;
  clear: () => void;
}

export const NO_DETAILS: Details = {
  eye: "",
  patient_ref: "",
  note: "",
  micrometres_x: "",
  micrometres_y: "",
};

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
        if (alone) {
          setOpened(false);
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

  const unfinished = uploads.some((upload) => upload.state === "waiting" || upload.state === "sending");
  useEffect(() => {
    if (!unfinished) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [unfinished]);

  const add = useCallback((files: File[], given: Details) => {
    if (files.length === 0) return;
    const made = files.map((file) => ({
      key: nextKey.current++,
      file,
      details: given,
      sent: 0,
      state: "waiting" as const,
    }));
    // What ended well before is out of the way; what did not stays until it is dealt with.
    setUploads((all) => [...all.filter((upload) => upload.state !== "done"), ...made]);
    setOpened(true);
  }, []);

  useEffect(() => {
    if (!mayUpload) return;
    const paste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length === 0) return;
      event.preventDefault();
      add(files, details);
    };
    window.addEventListener("paste", paste);
    return () => window.removeEventListener("paste", paste);
  }, [add, details, mayUpload]);

  const value = useMemo<Uploads>(
    () => ({
      uploads,
      open: () => setOpened(true),
      add,
      retry: (key) => change(key, { state: "waiting" }),
      clear: () => setUploads((all) => all.filter((upload) => upload.state === "sending")),
    }),
    [uploads, add, change],
  );

  return (
    <Context.Provider value={value}>
      {children}
      {mayUpload && (
        <section aria-label={texts.upload.title}>
          <Dropzone.FullScreen active onDrop={(files) => add(files, details)} zIndex={400}>
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

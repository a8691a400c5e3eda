import { Dropzone } from "@mantine/dropzone";
import { Center, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconUpload } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useEffectEvent, useMemo, useRef, useState } from "react";
import { useLocation, useNavigate } from "react-router";

import { useModalities, useMostBytes } from "../api/options";
import { Problem } from "../api/problem";
import { storeNewScan, uploadScan } from "../api/scans";
import { onSessionChange, sessionUser } from "../api/session";
import type { UploadedScan } from "../api/types";
import { useUnsent } from "../common/unsaved";
import { useMay } from "../api/accounts";
import { texts } from "../texts";
import { kindsOf } from "./kinds";
import { pastedFiles } from "./pasted";
import { UploadPanel } from "./UploadPanel";
import {
  admitted,
  afterRefusal,
  type Details,
  firstState,
  heldBack,
  formOf,
  isOver,
  NO_DETAILS,
  opensItsAnswer,
  refuseTooLarge,
  type Upload,
} from "./uploads";
import { UploadsContext, type Uploads } from "./useUploads";

/** Takes files that are dropped, pasted or picked anywhere on the page, and sends them, a few at a time. */
export function UploadProvider({ children }: { children: ReactNode }) {
  const [uploads, setAll] = useState<Upload[]>([]);
  const started = useRef(new Set<number>());
  const [opened, setOpened] = useState(false);
  const [details, setDetails] = useState<Details>(NO_DETAILS);
  const nextKey = useRef(0);
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const mayUpload = useMay("may_upload");
  const modalities = useModalities();
  const most = useMostBytes();

  const setUploads = useCallback((next: (all: Upload[]) => Upload[]) => {
    setAll((all) => admitted(next(all)));
  }, []);
  const change = useCallback(
    (key: number, values: Partial<Upload>) => {
      setUploads((all) => all.map((upload) => (upload.key === key ? { ...upload, ...values } : upload)));
    },
    [setUploads],
  );

  // Effect events: what counts in the end is what the page shows by then.
  const follow = useEffectEvent((scan: UploadedScan, sentFrom: string | null) => {
    if (scan.differences?.length) {
      setOpened(true);
    } else if (opensItsAnswer(uploads, details, sentFrom, pathname)) {
      setOpened(false);
      if (scan.duplicate) notifications.show({ message: texts.upload.openedAgain, autoClose: 10_000 });
      void navigate(`/scans/${scan.id}`);
    }
  });

  const start = useEffectEvent(async (upload: Upload) => {
    const sentFrom = uploads.length === 1 ? pathname : null;
    try {
      refuseTooLarge(upload.file, most);
      const scan = await uploadScan(formOf(upload.file, upload.details), (sent) =>
        change(upload.key, { sent }),
      );
      change(upload.key, { state: "done", scan });
      storeNewScan(queries, scan);
      follow(scan, sentFrom);
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(String(error), "unexpected", 0);
      setUploads((all) => afterRefusal(all, upload.key, problem));
      setOpened(true);
    }
  });

  useEffect(() => {
    for (const upload of uploads) {
      // Not before its end is rendered: until then it would seem to be one that has not been started.
      if (upload.state !== "sending") started.current.delete(upload.key);
      if (upload.state !== "sending" || started.current.has(upload.key)) continue;
      started.current.add(upload.key);
      void start(upload);
    }
  }, [uploads]);

  useEffect(() => {
    let last = sessionUser();
    return onSessionChange(() => {
      const user = sessionUser();
      // What waits is of who was signed in before: another user has to look at it before it is sent.
      if (user && last && user !== last) setUploads(heldBack);
      last = user ?? last;
    });
  }, [setUploads]);

  const unfinished = uploads.some((upload) => !isOver(upload) && upload.state !== "refused");
  useUnsent(() => unfinished);

  const add = useCallback(
    (files: File[], given: Details, isPanelOpen: boolean) => {
      if (files.length === 0) return;
      const first = firstState(files.length, given, isPanelOpen, uploads);
      const made = files.map((file) => ({
        key: nextKey.current++,
        file,
        details: given,
        sent: 0,
        state: first,
      }));
      // Finished uploads leave the list; the others stay until they are dealt with.
      setUploads((all) => {
        const left = all.filter((upload) => !isOver(upload));
        // Files added beside unchecked ones wait, too: one press sends them all.
        const waits = left.some((upload) => upload.state === "open");
        return [...left, ...(waits ? made.map((upload) => ({ ...upload, state: "open" as const })) : made)];
      });
      // Each file has its own details from now on. Later files may be of another patient.
      setDetails(NO_DETAILS);
      setOpened(true);
    },
    [setUploads, uploads],
  );

  useEffect(() => {
    if (!mayUpload) return;
    const paste = (event: ClipboardEvent) => {
      const files = pastedFiles(event, opened);
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
    [uploads, add, change, setUploads],
  );

  return (
    <UploadsContext value={value}>
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
                <Text c="dimmed">{kindsOf(modalities, most).words}</Text>
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
    </UploadsContext>
  );
}

/** An upload that goes as soon as there is room, whatever was wrong with it before. */
function waiting({ problem: _, ...upload }: Upload): Upload {
  return { ...upload, state: "waiting" };
}

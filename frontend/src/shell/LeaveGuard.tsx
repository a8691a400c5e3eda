import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useEffect, useEffectEvent, useState, useSyncExternalStore } from "react";
import { useBlocker } from "react-router";

import { wasSignedIn } from "../api/session";
import {
  isWindowNeeded,
  mayLeave,
  onQuestion,
  openQuestion,
  type Question,
  unsaved,
} from "../common/unsaved";
import { texts } from "../texts";

/** Asks before unsaved work is left, whether by a key, a link, the back button or closing the window. */
export function LeaveGuard() {
  const question = useSyncExternalStore(onQuestion, openQuestion);
  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) =>
      currentLocation.pathname !== nextLocation.pathname && unsaved().length > 0,
  );
  const { state, location } = blocker;
  // The blocker is a new object at each render; state and location identify what it blocks.
  const decide = useEffectEvent((leaves: boolean) => (leaves ? blocker.proceed?.() : blocker.reset?.()));
  useEffect(() => {
    if (state !== "blocked") return;
    let current = true; // until somebody leaves for elsewhere, which answers this question
    void mayLeave().then((leaves) => {
      if (current) decide(leaves);
    });
    return () => {
      current = false;
    };
  }, [state, location]);
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      // Who has signed out can do nothing here any more. What the server does not have is kept, for the next visit.
      if (wasSignedIn() && isWindowNeeded()) event.preventDefault();
    };
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, []);
  return question && <LeaveDialog question={question} />;
}

function LeaveDialog({ question: { entries, answer } }: { question: Question }) {
  const [busy, setBusy] = useState(false);
  const [first, ...others] = entries;
  const complete = entries.every(({ save }) => save !== null);
  const saveAll = async () => {
    setBusy(true);
    const saved = await Promise.all(entries.map(({ save }) => save?.()));
    answer(saved.every(Boolean));
  };
  const dropAll = () => {
    for (const { drop } of entries) drop();
    answer(true);
  };
  return (
    <Modal opened onClose={() => answer(false)} title={first?.title} centered>
      <Stack>
        {others.map(({ title }) => (
          <Text key={title}>{title}</Text>
        ))}
        <Text size="sm">{complete ? texts.shell.leaveHelp : texts.shell.leaveIncomplete}</Text>
        <Group gap="xs">
          {complete && (
            <Button data-autofocus loading={busy} onClick={() => void saveAll()}>
              {others.length > 0 ? texts.shell.saveAll : first?.saveLabel}
            </Button>
          )}
          <Button variant="default" disabled={busy} onClick={dropAll}>
            {texts.shell.leaveWithout}
          </Button>
          <Button
            variant="default"
            disabled={busy}
            data-autofocus={complete ? undefined : true}
            onClick={() => answer(false)}
          >
            {texts.shell.stay}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

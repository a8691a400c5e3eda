import { Button, Group, Text } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCloudCheck,
  IconCloudDown,
  IconCloudOff,
  IconCloudUp,
} from "@tabler/icons-react";

import { texts } from "../texts";
import type { Drawing, DrawingState } from "./Drawing";

const ICONS = {
  loading: IconCloudDown,
  saved: IconCloudCheck,
  saving: IconCloudUp,
  unsaved: IconCloudOff,
  refused: IconAlertTriangle,
};

/** Whether what is drawn is loaded and saved, and what to do where it is not. */
export function SaveStatus({ drawing, state }: { drawing: Drawing; state: DrawingState }) {
  const { saveState, problem } = state;
  const Icon = ICONS[saveState];
  const bad = saveState === "unsaved" || saveState === "refused";
  const failed = saveState === "loading" && problem !== null;
  return (
    <Group gap={6} wrap="nowrap" data-testid="save-state" data-state={saveState}>
      <Icon size={18} aria-hidden style={{ flexShrink: 0 }} />
      <Text size="sm" role="status" title={bad ? (problem?.message ?? texts.drawing.unsavedHelp) : undefined}>
        {failed || saveState === "refused"
          ? `${failed ? texts.drawing.notLoaded : texts.drawing.states.refused}: ${reason(problem)}`
          : texts.drawing.states[saveState]}
      </Text>
      {(failed || saveState === "unsaved") && (
        <Button size="compact-xs" variant="light" onClick={drawing.flush}>
          {failed ? texts.common.tryAgain : texts.drawing.sendNow}
        </Button>
      )}
    </Group>
  );
}

function reason(problem: DrawingState["problem"]): string {
  return problem?.sentences.map(({ text }) => text).join(" ") ?? "";
}

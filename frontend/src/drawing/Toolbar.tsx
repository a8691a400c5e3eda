import { ActionIcon, Divider, Tooltip } from "@mantine/core";
import {
  IconArrowBackUp,
  IconArrowForwardUp,
  IconHandStop,
  IconKeyboard,
  IconPointer,
} from "@tabler/icons-react";

import { texts } from "../texts";
import type { Tool } from "./draft";
import type { Drawing, DrawingState } from "./Drawing";
import { KINDS } from "./kinds";
import classes from "./Toolbar.module.css";

/** The tools in their order, each with its key. */
export const TOOLS: { tool: Tool; key: string; Icon: typeof IconPointer }[] = [
  { tool: "select", key: "V", Icon: IconPointer },
  { tool: "hand", key: "H", Icon: IconHandStop },
  ...Object.values(KINDS).map(({ kind, key, Icon }) => ({ tool: kind, key, Icon })),
];

/** The tools by their keys, in lower case. */
export const TOOL_KEYS = Object.fromEntries(TOOLS.map(({ tool, key }) => [key.toLowerCase(), tool]));

/** Chooses what the pointer does, and takes steps back. */
export function Toolbar({
  drawing,
  state,
  onHelp,
}: {
  drawing: Drawing;
  state: DrawingState;
  onHelp: () => void;
}) {
  // Not while it is loading: at each step through a volume the tools would flicker.
  const isShut = !state.loaded && state.problem !== null;
  const tools = drawing.mayDraw ? TOOLS : TOOLS.slice(0, 2);
  return (
    <div className={classes.toolbar} role="toolbar" aria-label={texts.drawing.toolbar}>
      {tools.map(({ tool, key, Icon }) => (
        <Tooltip key={tool} label={`${texts.drawing.tools[tool]} (${key})`} position="right" openDelay={400}>
          <ActionIcon
            size={40}
            variant={state.tool === tool ? "filled" : "subtle"}
            color={state.tool === tool ? undefined : "gray"}
            c={state.tool === tool ? undefined : "var(--mantine-color-text)"}
            aria-label={texts.drawing.tools[tool]}
            aria-keyshortcuts={key}
            aria-pressed={state.tool === tool}
            disabled={isShut && tool !== "select" && tool !== "hand"}
            data-tool={tool}
            onClick={(event) => {
              drawing.setTool(tool);
              // Enter is for the scan from now on, not for the button again.
              event.currentTarget.blur();
            }}
          >
            <Icon size={20} aria-hidden />
          </ActionIcon>
        </Tooltip>
      ))}
      <Divider className={classes.divider} />
      {drawing.mayDraw && (
        <>
          <Command label={texts.drawing.undo} keys="Ctrl+Z" disabled={!state.canUndo} onClick={drawing.undo}>
            <IconArrowBackUp size={20} aria-hidden />
          </Command>
          <Command label={texts.drawing.redo} keys="Ctrl+Y" disabled={!state.canRedo} onClick={drawing.redo}>
            <IconArrowForwardUp size={20} aria-hidden />
          </Command>
        </>
      )}
      <Command label={texts.drawing.keys} keys="?" onClick={onHelp}>
        <IconKeyboard size={20} aria-hidden />
      </Command>
    </div>
  );
}

interface CommandProps {
  label: string;
  keys: string;
  disabled?: boolean;
  onClick: () => void;
  children: React.ReactNode;
}

function Command({ label, keys, disabled = false, onClick, children }: CommandProps) {
  return (
    <Tooltip label={`${label} (${keys})`} position="right" openDelay={400}>
      <ActionIcon
        size={40}
        variant="subtle"
        color="gray"
        c={disabled ? undefined : "var(--mantine-color-text)"}
        bg={disabled ? "transparent" : undefined}
        aria-label={label}
        disabled={disabled}
        onClick={onClick}
      >
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

import { ActionIcon, Button, Group, Popover, Slider, Stack, Switch, Text, Tooltip } from "@mantine/core";
import { IconColumns2, IconContrast, IconMaximize, IconZoomIn, IconZoomOut } from "@tabler/icons-react";
import type { ReactNode } from "react";

import { formatShare } from "../common/format";
import { texts } from "../texts";
import { inFileValues } from "./canvas/deep";
import { DEEP_REACH, FULL_WINDOW, REACH, windowOf } from "./canvas/pictures";
import type { Preset } from "./presets";
import classes from "./ScanView.module.css";
import type { PictureView } from "./usePictureCanvas";

/** What is shown of the model beside the scan's own pixels. */
export interface DisplayOptions {
  heat: boolean;
  /** Of the heat map, 0 to 1. */
  opacity: number;
  /** Whether the regions are outlined. */
  outlined: boolean;
  /** Whether what the model thinks it sees is hatched. */
  findings: boolean;
  /** Whether the heat map stands beside the scan instead of above it. */
  beside: boolean;
}

interface Props {
  view: PictureView;
  /** Windows to choose from. */
  presets: readonly Preset[];
  zoomBy: (factor: number) => void;
  options: DisplayOptions;
  onOptions: (changed: Partial<DisplayOptions>) => void;
  hasHeat: boolean;
  hasRegions: boolean;
  hasFindings: boolean;
  /** Shown at the end of the line. */
  children: ReactNode;
}

/** Zoom, brightness, heat map, regions and findings, all without dragging. */
export function ViewControls(props: Props) {
  const { view, presets, zoomBy, options, onOptions, hasHeat, hasRegions, hasFindings, children } = props;
  return (
    <Group className={classes.controls} gap="md" px="sm" py={6}>
      <Group gap={2} wrap="nowrap">
        <Control label={`${texts.drawing.zoomOut} (−)`} onClick={() => zoomBy(0.8)}>
          <IconZoomOut size={18} aria-hidden />
        </Control>
        <Text size="sm" w={56} ta="center" aria-live="off" data-testid="zoom">
          {texts.drawing.zoomOf(view.zoom)}
        </Text>
        <Control label={`${texts.drawing.zoomIn} (+)`} onClick={() => zoomBy(1.25)}>
          <IconZoomIn size={18} aria-hidden />
        </Control>
        <Control label={`${texts.drawing.fit} (0)`} onClick={() => view.canvas?.viewport.fit()}>
          <IconMaximize size={18} aria-hidden />
        </Control>
        <WindowControl view={view} presets={presets} />
      </Group>
      {hasHeat && (
        <Group gap="sm" wrap="nowrap">
          <Switch
            size="sm"
            label={texts.drawing.heat}
            checked={options.heat || options.beside}
            disabled={options.beside}
            onChange={(event) => onOptions({ heat: event.currentTarget.checked })}
          />
          <Slider
            w={110}
            size="sm"
            min={0}
            max={1}
            step={0.05}
            label={formatShare}
            value={options.opacity}
            onChange={(opacity) => onOptions({ opacity })}
            disabled={!options.heat && !options.beside}
            thumbLabel={texts.drawing.heatOpacity}
          />
          <Control
            label={texts.drawing.sideBySide}
            pressed={options.beside}
            onClick={() => onOptions({ beside: !options.beside })}
          >
            <IconColumns2 size={18} aria-hidden />
          </Control>
        </Group>
      )}
      {hasRegions && (
        <Switch
          size="sm"
          label={texts.drawing.regions}
          checked={options.outlined}
          onChange={(event) => onOptions({ outlined: event.currentTarget.checked })}
        />
      )}
      {hasFindings && (
        <Switch
          size="sm"
          label={texts.findings.layer}
          checked={options.findings}
          onChange={(event) => onOptions({ findings: event.currentTarget.checked })}
        />
      )}
      <div className={classes.saved}>{children}</div>
    </Group>
  );
}

/** Brightness and contrast, as by dragging with the right button. */
function WindowControl({ view: { canvas, window, ends }, presets }: Pick<Props, "view" | "presets">) {
  const reach = ends ? DEEP_REACH : REACH;
  const told = ends ? inFileValues(window, ends) : window;
  const changed = window !== FULL_WINDOW;
  return (
    <Popover position="top" withArrow shadow="md" trapFocus>
      <Popover.Target>
        <ActionIcon
          size={30}
          variant={changed ? "light" : "subtle"}
          c="var(--mantine-color-text)"
          color="gray"
          aria-label={texts.drawing.windowTitle}
          title={texts.drawing.windowTitle}
        >
          <IconContrast size={18} aria-hidden />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label={texts.drawing.windowTitle}>
        <Stack gap="sm" w={250}>
          <Setting
            label={texts.drawing.windowLevel}
            value={window.level}
            between={reach.level}
            onChange={(level) => canvas?.setWindow(windowOf(level, window.width, reach))}
          />
          <Setting
            label={texts.drawing.windowWidth}
            value={window.width}
            between={reach.width}
            onChange={(width) => canvas?.setWindow(windowOf(window.level, width, reach))}
          />
          <Group gap={4}>
            {presets.map((preset) => (
              <Button
                key={preset.title}
                size="compact-sm"
                variant="default"
                aria-pressed={window === preset.window}
                onClick={() => canvas?.setWindow(preset.window)}
              >
                {preset.title}
              </Button>
            ))}
          </Group>
          <Group justify="space-between" gap="xs">
            <Text size="sm" data-testid="window">
              {texts.drawing.window(told.level, told.width)}
            </Text>
            <Button
              size="compact-sm"
              variant="default"
              disabled={!changed}
              onClick={() => canvas?.setWindow(FULL_WINDOW)}
            >
              {texts.drawing.resetWindow}
            </Button>
          </Group>
          <Text size="xs" c="dimmed">
            {texts.drawing.windowHelp(ends !== null)}
          </Text>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

interface SettingProps {
  label: string;
  value: number;
  between: readonly [number, number];
  onChange: (value: number) => void;
}

function Setting({ label, value, between: [min, max], onChange }: SettingProps) {
  return (
    <div>
      <Text size="sm">{label}</Text>
      <Slider min={min} max={max} label={null} value={value} onChange={onChange} thumbLabel={label} />
    </div>
  );
}

interface ControlProps {
  label: string;
  pressed?: boolean;
  onClick: () => void;
  children: ReactNode;
}

function Control({ label, pressed, onClick, children }: ControlProps) {
  return (
    <Tooltip label={label} openDelay={400}>
      <ActionIcon
        size={30}
        variant={pressed ? "light" : "subtle"}
        c="var(--mantine-color-text)"
        color="gray"
        aria-label={label}
        aria-pressed={pressed}
        onClick={onClick}
      >
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

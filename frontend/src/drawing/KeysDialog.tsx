import { Kbd, Modal, SimpleGrid, Stack, Switch, Title } from "@mantine/core";

import { texts } from "../texts";
import { useSingleKeys } from "../common/keys";
import { useTexts } from "../common/useTexts";
import classes from "./KeysDialog.module.css";
import { TOOLS } from "./Toolbar";

interface KeyGroup {
  title: string;
  keys: [string[], string][];
}

const groupsIn = ({ keyHelp, tools, keyGroups }: typeof texts.drawing): KeyGroup[] => [
  {
    title: keyGroups.tools,
    keys: TOOLS.map(({ tool, key }) => [[key], tools[tool]]),
  },
  {
    title: keyGroups.drawing,
    keys: [
      [["Ctrl+Z"], keyHelp.undo],
      [["Ctrl+Y", "Ctrl+Shift+Z"], keyHelp.redo],
      [["Enter"], keyHelp.cross],
      [[texts.drawing.arrows], keyHelp.nudge],
      [["."], keyHelp.corner],
      [["Enter"], keyHelp.close],
      [["Backspace"], keyHelp.back],
      [["Delete"], keyHelp.remove],
      [["Escape"], keyHelp.cancel],
      [["M"], keyHelp.region],
    ],
  },
  {
    title: keyGroups.view,
    keys: [
      [["+", "−", "0", "1", texts.drawing.wheel], keyHelp.zoom],
      [[texts.drawing.space], keyHelp.pan],
      [[texts.drawing.rightDrag], keyHelp.window],
      [["W"], keyHelp.resetWindow],
      [["Shift+W"], keyHelp.nextWindow],
      [["X"], keyHelp.heat],
      [["S"], keyHelp.findings],
    ],
  },
  {
    title: keyGroups.volume,
    keys: [
      [["Page Up", "Page Down", texts.drawing.wheel], keyHelp.leaf],
      [["Home", "End"], keyHelp.ends],
      [["Ctrl", texts.drawing.wheel], keyHelp.zoomInVolume],
      [["K"], keyHelp.copyOn],
    ],
  },
  {
    title: keyGroups.reading,
    keys: [
      [["A"], keyHelp.agree],
      [["D"], keyHelp.disagree],
      [["U"], keyHelp.unsure],
      [["Enter"], keyHelp.give],
      [["Ctrl+Enter"], keyHelp.giveInText],
      [["N"], keyHelp.next],
      [["Shift+N"], keyHelp.before],
      [["?"], keyHelp.help],
    ],
  },
];

interface Props {
  /** The name of the modality of what is read. */
  modality: string;
  opened: boolean;
  onClose: () => void;
}

/** Every key of the reading view, and whether single ones act at once. */
export function KeysDialog({ modality, opened, onClose }: Props) {
  const [single, setSingle] = useSingleKeys();
  const words = useTexts(modality);
  return (
    <Modal opened={opened} onClose={onClose} title={texts.drawing.keysTitle} size="xl">
      <Stack>
        <Switch
          label={texts.drawing.singleKeys}
          description={texts.drawing.singleKeysHelp}
          checked={single}
          onChange={(event) => setSingle(event.currentTarget.checked)}
        />
        <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="xl">
          {groupsIn(words.drawing).map(({ title, keys }) => (
            <div key={title}>
              <Title order={3} size="h5" mb="xs">
                {title}
              </Title>
              <dl className={classes.keys}>
                {keys.map(([names, help]) => (
                  <div key={help} data-testid="key">
                    <dt>
                      {names.map((name) => (
                        <Kbd key={name}>{name}</Kbd>
                      ))}
                    </dt>
                    <dd>{help}</dd>
                  </div>
                ))}
              </dl>
            </div>
          ))}
        </SimpleGrid>
      </Stack>
    </Modal>
  );
}

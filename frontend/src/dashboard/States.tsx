import { Group, Table, Text } from "@mantine/core";

import { useModalities } from "../api/options";
import type { Dashboard, State, States as Counts } from "../api/types";
import { formatCount, formatShare } from "../common/format";
import { StateBadge } from "../common/StateBadge";
import { texts } from "../texts";
import classes from "./DashboardPage.module.css";
import { DayBars } from "./DayBars";

const text = texts.dashboard;
const STATES: readonly State[] = ["answered", "undecided", "not_answered"];

/** How many scans the model has answered, left undecided or not answered: in all, by day, modality, clinic and device. */
export function States({ data }: { data: Dashboard }) {
  const { states } = data;
  const modalities = useModalities();
  if (known(states) === 0) return <Text>{text.noStates}</Text>;
  return (
    <>
      <Group gap="xl">
        {STATES.map((state) => (
          <div key={state}>
            <div className={classes.number}>{formatCount(states[state])}</div>
            <Text size="sm">
              <StateBadge state={state} /> {share(states, state)}
            </Text>
          </div>
        ))}
      </Group>
      {states.unknown > 0 && (
        <Text size="sm" mt="xs">
          {text.statesUnknown(formatCount(states.unknown))}
        </Text>
      )}
      <PerDay days={data.states_per_day} />
      {modalities.length > 1 && (
        <StatesPer
          name="modality"
          rows={data.states_per_modality.map((row) => ({
            ...row,
            name: modalities.find(({ name }) => name === row.modality)?.title ?? row.modality,
          }))}
        />
      )}
      <StatesPer name="clinic" rows={data.states_per_clinic.map((row) => ({ ...row, name: row.clinic }))} />
      <StatesPer name="device" rows={data.states_per_device.map((row) => ({ ...row, name: row.device }))} />
    </>
  );
}

/** A bar of each day, with the states from below in their order. */
function PerDay({ days }: { days: Dashboard["states_per_day"] }) {
  if (days.length === 0) return null;
  const most = Math.max(1, ...days.map(known));
  const bars = days.map((day) => ({
    ...day,
    words: text.statesOfDay(day.date, inWords(day)),
    height: known(day) / most,
  }));
  return (
    <>
      <Text size="sm" mt="sm">
        {text.statesPerDay}
      </Text>
      <DayBars
        days={bars}
        fill={(day) =>
          STATES.map((state) => (
            <span key={state} className={classes.part} data-state={state} style={{ flexGrow: day[state] }} />
          ))
        }
      />
    </>
  );
}

function StatesPer({
  name,
  rows,
}: {
  name: keyof typeof text.statesPer;
  rows: (Counts & { name: string })[];
}) {
  if (rows.length === 0) return null;
  return (
    // A scrolling area must be reachable by keyboard.
    <Table.ScrollContainer minWidth={400} mt="sm" scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{text.statesPer[name]}</Table.Th>
            {STATES.map((state) => (
              <Table.Th key={state}>
                <StateBadge state={state} />
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.name}>
              <Table.Th fw={400} scope="row">
                {row.name || text.statesUnnamed[name]}
              </Table.Th>
              {STATES.map((state) => (
                <Table.Td key={state}>
                  {[formatCount(row[state]), share(row, state)].filter(Boolean).join(" · ")}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function known(counts: Counts): number {
  return STATES.reduce((sum, state) => sum + counts[state], 0);
}

/** Empty of too few scans for a share to say something. */
function share(counts: Counts, state: State): string {
  const found = counts[`${state}_share`];
  if (!found) return "";
  const [value, low, high] = [found.value, found.low, found.high].map(formatShare);
  return text.between(value ?? "", low ?? "", high ?? "");
}

function inWords(counts: Counts): string {
  const of = (state: State) => text.statesOf(texts.common.states[state], formatCount(counts[state]));
  return STATES.map(of).join(", ");
}

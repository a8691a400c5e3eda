import { Card, Group, SegmentedControl, Select, Stack, Table, Text, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import { useSearchParams } from "react-router";

import { useDashboard } from "../api/dashboard";
import { useModalities } from "../api/options";
import type { Dashboard } from "../api/types";
import { formatCoefficient, formatCount, formatShare, formatTime } from "../common/format";
import { ModalityTag } from "../common/ModalityTag";
import { ProblemAlert } from "../common/ProblemAlert";
import { Waiting } from "../common/Waiting";
import { texts } from "../texts";
import { AutomationBias } from "./AutomationBias";
import classes from "./DashboardPage.module.css";
import { DayBars } from "./DayBars";
import { States } from "./States";

const text = texts.dashboard;

/** Counts and metrics of scans, model, readers and queue. */
export default function DashboardPage() {
  const [search, setSearch] = useSearchParams();
  const days = search.get("days") ?? "30";
  const modalities = useModalities();
  const modality = search.get("modality") ?? "";
  const { data, error, refetch, isPlaceholderData } = useDashboard(days, modality);
  const set = (name: "days" | "modality", value: string) =>
    setSearch(
      (before) => {
        if (value) before.set(name, value);
        else before.delete(name);
        return before;
      },
      { replace: true },
    );
  useEffect(() => {
    document.title = `${text.title} · ${texts.shell.product}`;
  }, []);
  return (
    <Stack p="md" maw={1600} mx="auto">
      <Group justify="space-between">
        <Title order={1} size="h3">
          {text.title}
        </Title>
        <Group gap="sm">
          {modalities.length > 1 && (
            <Select
              aria-label={text.modality}
              w={170}
              clearable
              placeholder={text.allModalities}
              data={modalities.map(({ name, title }) => ({ value: name, label: title }))}
              value={modality || null}
              onChange={(value) => set("modality", value ?? "")}
            />
          )}
          <SegmentedControl
            aria-label={text.span}
            value={days}
            onChange={(value) => set("days", value)}
            data={Object.entries(text.spans).map(([value, label]) => ({ value, label }))}
          />
        </Group>
      </Group>
      {error && <ProblemAlert error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Waiting text={texts.common.loading} />}
      {data && (
        // While others are on their way, the counts before stay where they are, and fade.
        <Stack className={classes.panels} aria-busy={isPlaceholderData}>
          <Panels data={data} />
        </Stack>
      )}
    </Stack>
  );
}

function Panels({ data }: { data: Dashboard }) {
  const { queue } = data;
  const nothing = queue.queued + queue.predicted + queue.failed === 0;
  return (
    <>
      {nothing && <Text data-testid="empty">{text.empty}</Text>}
      <div className={classes.grid}>
        <Panel title={text.perDay}>
          <PerDay days={data.scans_per_day} />
        </Panel>
        <Panel title={text.labels}>
          <Labels labels={data.labels} />
        </Panel>
        <Panel title={text.states} help={`${text.statesHelp} ${text.interval(data.least_scans)}`}>
          <States data={data} />
        </Panel>
        <Panel title={text.verdicts} help={`${text.verdictsHelp} ${text.interval(data.least_scans)}`}>
          <Verdicts verdicts={data.verdicts} least={data.least_scans} />
        </Panel>
        <Panel title={text.queue}>
          <Group gap="xl">
            {(["queued", "predicted", "failed"] as const).map((state) => (
              <div key={state}>
                <div className={classes.number}>{formatCount(queue[state])}</div>
                <Text size="sm">{text[state]}</Text>
              </div>
            ))}
          </Group>
          {queue.oldest_queued && (
            <Text size="sm" mt="xs">
              {text.oldest(formatTime(queue.oldest_queued))}
            </Text>
          )}
        </Panel>
        <Panel title={text.latency}>
          {data.latency_ms ? (
            <>
              <div className={classes.number}>{duration(data.latency_ms.median)}</div>
              <Text size="sm">
                {text.latencyHelp(
                  formatCount(data.latency_ms.scans),
                  data.latency_ms.scans < data.least_scans ? "" : duration(data.latency_ms.percentile_95),
                )}
              </Text>
            </>
          ) : (
            <Text>{text.noLatency}</Text>
          )}
        </Panel>
        <Panel title={text.kappa} help={`${text.kappaHelp} ${text.interval(data.least_scans)}`}>
          <Kappas data={data} />
        </Panel>
        {data.automation_bias && (
          <Panel title={text.bias} help={`${text.biasHelp} ${text.interval(data.least_scans)}`}>
            <AutomationBias bias={data.automation_bias} least={data.least_scans} />
          </Panel>
        )}
      </div>
    </>
  );
}

function Panel({ title, help, children }: { title: string; help?: string; children: ReactNode }) {
  return (
    <Card component="section" withBorder radius="md" aria-label={title}>
      <Title order={2} size="h5" mb={4}>
        {title}
      </Title>
      {help && (
        <Text size="sm" c="dimmed" mb="xs">
          {help}
        </Text>
      )}
      {children}
    </Card>
  );
}

function PerDay({ days }: { days: Dashboard["scans_per_day"] }) {
  if (days.length === 0) return <Text>{text.noDays}</Text>;
  const most = Math.max(1, ...days.map(({ count }) => count));
  const sum = days.reduce((all, { count }) => all + count, 0);
  return (
    <>
      <Text size="sm">
        {`${formatCount(sum)} ${text.scans.toLowerCase()}; ${text.busiest(formatCount(sum ? most : 0))}`}
      </Text>
      <DayBars
        days={days.map(({ date, count }) => ({
          date,
          words: text.perDayOf(date, count),
          height: count / most,
        }))}
        fill={() => <span className={classes.part} style={{ flexGrow: 1 }} />}
      />
    </>
  );
}

function Labels({ labels }: { labels: Dashboard["labels"] }) {
  const sum = labels.reduce((all, { count }) => all + count, 0);
  if (sum === 0) return <Text>{text.noLatency}</Text>;
  return (
    <div className={classes.labels}>
      {labels.map(({ modality, label, count, doubtful }) => (
        <div key={`${modality} ${label}`} className={classes.label}>
          <span>
            {label} <ModalityTag name={modality} />
          </span>
          <span className={classes.track} aria-hidden>
            <span className={classes.fill} style={{ width: `${(100 * count) / sum}%` }} />
          </span>
          <span title={text.countOf(formatCount(count), formatCount(sum))}>
            {formatCount(count)}
            {doubtful > 0 && ` ${text.doubtful(formatCount(doubtful))}`}
          </span>
        </div>
      ))}
    </div>
  );
}

function Verdicts({ verdicts, least }: { verdicts: Dashboard["verdicts"]; least: number }) {
  if (verdicts.length === 0) return <Text>{text.noVerdicts}</Text>;
  return (
    // A scrolling area must be reachable by keyboard.
    <Table.ScrollContainer minWidth={420} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            {Object.values(text.columns).map((column) => (
              <Table.Th key={column}>{column}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {verdicts.map(({ modality, model_version, label, agree, disagree, unsure, agreement }) => (
            <Table.Tr key={`${modality} ${model_version} ${label}`}>
              <Table.Td>
                {model_version} <ModalityTag name={modality} />
              </Table.Td>
              <Table.Td>{label}</Table.Td>
              <Table.Td>{agree}</Table.Td>
              <Table.Td>{disagree}</Table.Td>
              <Table.Td>{unsure}</Table.Td>
              <Table.Td>
                {agreement
                  ? text.between(
                      formatShare(agreement.value),
                      formatShare(agreement.low),
                      formatShare(agreement.high),
                    )
                  : text.few(least)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Kappas({ data }: { data: Dashboard }) {
  const rows = [
    ...data.cohen.map((row) => ({ ...row, name: text.pair(row.readers[0] ?? "", row.readers[1] ?? "") })),
    ...data.fleiss.map((row) => ({ ...row, name: text.fleiss(row.readers_per_scan) })),
  ];
  if (rows.length === 0) return <Text>{text.noKappa}</Text>;
  return (
    <Table verticalSpacing={4}>
      <Table.Thead>
        <Table.Tr>
          {Object.values(text.kappaColumns).map((column) => (
            <Table.Th key={column}>{column}</Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map(({ modality, name, scans, kappa, interval, defined }) => (
          <Table.Tr key={`${modality} ${name}`}>
            <Table.Td>
              {name} <ModalityTag name={modality} />
            </Table.Td>
            <Table.Td>{formatCount(scans)}</Table.Td>
            <Table.Td>
              {kappa !== null && interval
                ? text.between(
                    formatCoefficient(kappa),
                    formatCoefficient(interval.low),
                    formatCoefficient(interval.high),
                  )
                : defined
                  ? text.few(data.least_scans)
                  : text.undefined}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** Milliseconds as people read them. */
function duration(milliseconds: number): string {
  return milliseconds < 1000
    ? text.milliseconds(formatCount(Math.round(milliseconds)))
    : text.seconds((milliseconds / 1000).toFixed(1));
}

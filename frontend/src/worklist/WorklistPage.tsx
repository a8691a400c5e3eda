import { Button, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { IconColumns2, IconFileExport } from "@tabler/icons-react";
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import { Link } from "react-router";

import { useScanCount, useScans } from "../api/scans";
import type { Scan } from "../api/types";
import { formatCount } from "../common/format";
import { useKeys } from "../common/keys";
import { ProblemAlert } from "../common/ProblemAlert";
import { useMay } from "../api/accounts";
import { Waiting } from "../common/Waiting";
import { texts } from "../texts";
import { Empty } from "./Empty";
import { FilterBar } from "./FilterBar";
import { NextButton } from "./NextButton";
import { useFilters } from "./filters";
import { ScanTable } from "./ScanTable";
import { useNextUnread } from "./useNextUnread";
import classes from "./WorklistPage.module.css";

const ExportDialog = lazy(() => import("./ExportDialog"));

/** All scans that the user may see: to search, to sort, to choose the next one from. */
export function WorklistPage() {
  const filters = useFilters();
  const { query } = filters;
  const list = useScans(query);
  const { data, error, refetch, isPending, hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  // It is said where the reader has come to.
  const furtherError = list.isFetchNextPageError ? error : null;
  const count = useScanCount(query);
  const [chosen, setChosen] = useState<ReadonlyMap<string, Scan>>(new Map());
  // Null until it is first asked for: most never export, and the first page comes without what that needs.
  const [exporting, setExporting] = useState<boolean | null>(null);
  const reads = useMay("may_read");
  const mayUpload = useMay("may_upload");
  const mayExport = useMay("may_export");
  useEffect(() => {
    document.title = `${texts.worklist.title} · ${texts.shell.product}`;
  }, []);

  const scans = useMemo(() => data?.pages.flatMap((page) => page.results) ?? [], [data]);
  const onEnd = useCallback(() => {
    // What has failed is not tried again and again, but when the reader says so.
    if (hasNextPage && !isFetchingNextPage && !error) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, error, fetchNextPage]);
  const onChoose = useCallback((scan: Scan, add: boolean) => {
    setChosen((before) => {
      const next = new Map(before);
      if (add) next.set(scan.id, scan);
      else next.delete(scan.id);
      return next;
    });
  }, []);
  const next = useNextUnread(query);
  useKeys(reads ? { n: next.open } : {});

  return (
    <div className={classes.page}>
      <Stack gap="md">
        <Group justify="space-between">
          <Group gap="sm" align="baseline">
            <Title order={1} size="h3">
              {texts.worklist.title}
            </Title>
            <Text c="dimmed" role="status" data-testid="count">
              {count !== undefined && texts.worklist.count(formatCount(count))}
            </Text>
          </Group>
          <Group gap="xs">
            {mayExport && (
              <Button
                variant="default"
                size="sm"
                leftSection={<IconFileExport size={16} aria-hidden />}
                disabled={!count}
                onClick={() => setExporting(true)}
              >
                {texts.worklist.export}
              </Button>
            )}
            {reads && (
              <NextButton size="sm" label={texts.worklist.next} title={texts.worklist.nextHelp} next={next} />
            )}
          </Group>
        </Group>
        <FilterBar filters={filters} />
        {error && !furtherError && <ProblemAlert error={error} onRetry={() => void refetch()} />}
        {isPending && !error && <Waiting text={texts.common.loading} />}
        {data && scans.length === 0 && <Empty filters={filters} mayUpload={mayUpload} />}
        {scans.length > 0 && (
          <div>
            <ScanTable
              scans={scans}
              count={count}
              chosen={chosen}
              query={query}
              onChoose={onChoose}
              onEnd={onEnd}
            />
            {furtherError ? (
              <ProblemAlert error={furtherError} onRetry={() => void fetchNextPage()} />
            ) : (
              <Text size="sm" c="dimmed" ta="center" py="md" role="status">
                {hasNextPage ? texts.worklist.more : texts.worklist.all}
              </Text>
            )}
          </div>
        )}
      </Stack>
      {chosen.size > 0 && (
        <ChosenBar
          chosen={chosen}
          onExport={mayExport ? () => setExporting(true) : undefined}
          onNone={() => setChosen(new Map())}
        />
      )}
      {exporting !== null && (
        <Suspense fallback={null}>
          <ExportDialog
            opened={exporting}
            onClose={() => setExporting(false)}
            chosen={[...chosen.keys()]}
            query={query}
            count={count}
          />
        </Suspense>
      )}
    </div>
  );
}

interface ChosenProps {
  chosen: ReadonlyMap<string, Scan>;
  /** Without it, one may not export. */
  onExport: (() => void) | undefined;
  onNone: () => void;
}

/** What can be done with the chosen scans. */
function ChosenBar({ chosen, onExport, onNone }: ChosenProps) {
  const [left, right, ...others] = chosen.values();
  const comparable =
    left && right && others.length === 0 && left.patient_ref !== "" && left.patient_ref === right.patient_ref;
  return (
    <Paper
      withBorder
      shadow="md"
      p="xs"
      className={classes.chosen}
      role="region"
      aria-label={texts.worklist.chosen(chosen.size)}
    >
      <Group gap="xs">
        <Text size="sm" fw={600} px={4}>
          {texts.worklist.chosen(chosen.size)}
        </Text>
        {comparable ? (
          <Button
            component={Link}
            to={`/compare?left=${left.id}&right=${right.id}`}
            size="compact-md"
            leftSection={<IconColumns2 size={16} aria-hidden />}
          >
            {texts.worklist.compare}
          </Button>
        ) : (
          <Button size="compact-md" disabled title={texts.worklist.compareHelp}>
            {texts.worklist.compare}
          </Button>
        )}
        {onExport && (
          <Button size="compact-md" variant="default" onClick={onExport}>
            {texts.worklist.export}
          </Button>
        )}
        <Button size="compact-md" variant="subtle" onClick={onNone}>
          {texts.worklist.unchoose}
        </Button>
      </Group>
    </Paper>
  );
}

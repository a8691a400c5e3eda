import { Button, Group, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback, useDisclosure } from "@mantine/hooks";
import { IconAdjustmentsHorizontal, IconSearch, IconX } from "@tabler/icons-react";
import { useState } from "react";

import { useBlindReading, useMay } from "../api/accounts";
import { useModalities, useOptions } from "../api/options";
import { texts } from "../texts";
import type { FilterName, Filters } from "./filters";
import { followed, type SearchField } from "./searchField";
import classes from "./WorklistPage.module.css";

const TYPING_PAUSE_MS = 300;

/** Order, search and filters of the list. */
export function FilterBar({ filters }: { filters: Filters }) {
  const modalities = useModalities();
  const given = filters.get("modality");
  const chosen = modalities.filter(({ name }) => name === given || given === "");
  const labels = useOptions(given)?.labels ?? [];
  const [opened, { toggle }] = useDisclosure(filters.narrowed);
  const mayKnowPatients = useMay("may_see_patients");
  const reads = useMay("may_read");
  const blind = useBlindReading();
  const patient = filters.get("patient_ref");
  const choice = (name: FilterName, label: string, data: Record<string, string>) => (
    <Select
      label={label}
      w={170}
      size="sm"
      clearable
      placeholder={texts.worklist.any}
      data={Object.entries(data).map(([value, text]) => ({ value, label: text }))}
      value={filters.get(name) || null}
      onChange={(value) => filters.set(name, value ?? "")}
      clearButtonProps={{ "aria-label": `${texts.worklist.clear}: ${label}` }}
    />
  );
  return (
    <div role="search">
      <Group gap="sm" align="flex-end">
        <Search
          given={filters.get("search")}
          hint={mayKnowPatients ? texts.worklist.searchHint : texts.worklist.searchHintLabels}
          onSearch={(words) => filters.set("search", words)}
        />
        <Select
          aria-label={texts.worklist.order}
          size="sm"
          w={190}
          allowDeselect={false}
          disabled={blind}
          title={blind ? texts.worklist.orderBlind : undefined}
          data={Object.entries(texts.worklist.orders).map(([value, label]) => ({ value, label }))}
          value={filters.get("ordering") || "newest"}
          onChange={(value) => filters.set("ordering", value === "newest" ? "" : (value ?? ""))}
        />
        <Button
          variant="default"
          size="sm"
          aria-expanded={opened}
          onClick={toggle}
          leftSection={<IconAdjustmentsHorizontal size={16} aria-hidden />}
        >
          {texts.worklist.filters}
        </Button>
        {patient && (
          <Button
            variant="light"
            size="sm"
            rightSection={<IconX size={14} aria-hidden />}
            onClick={() => filters.set("patient_ref", "")}
          >
            {texts.worklist.patientOnly(patient)}
          </Button>
        )}
      </Group>
      {opened && (
        <Group gap="sm" mt="sm" align="flex-end" className={classes.filters}>
          {!blind &&
            choice(
              "prediction",
              texts.worklist.label,
              Object.fromEntries(labels.map((label) => [label, label])),
            )}
          {!blind && choice("state", texts.worklist.answer, texts.common.states)}
          {!blind && choice("withdrawn", texts.worklist.version, texts.worklist.withdrawn)}
          {choice("status", texts.worklist.status, texts.worklist.statuses)}
          {modalities.length > 1 &&
            choice(
              "modality",
              texts.worklist.modality,
              Object.fromEntries(modalities.map(({ name, title }) => [name, title])),
            )}
          {(chosen.some(({ eye }) => eye) || filters.get("eye") !== "") &&
            choice("eye", texts.worklist.eye, texts.common.eyes)}
          {reads && choice("unread", texts.worklist.reading, texts.worklist.unread)}
          {filters.narrowed && (
            <Button variant="subtle" size="sm" onClick={filters.clear}>
              {texts.worklist.clear}
            </Button>
          )}
        </Group>
      )}
    </div>
  );
}

/** Searches when the typing pauses, and follows the address bar. */
function Search({
  given,
  hint,
  onSearch,
}: {
  given: string;
  hint: string;
  onSearch: (words: string) => void;
}) {
  const [before, setField] = useState<SearchField>({ words: given, asked: given, given });
  const field = followed(before, given);
  if (field !== before) setField(field);
  // By what is given with each call: on a slow machine the last letter may be typed while the one before is drawn.
  const search = useDebouncedCallback((words: string) => {
    const asked = words.trim();
    setField((now) => ({ ...now, asked }));
    onSearch(asked);
  }, TYPING_PAUSE_MS);
  return (
    <TextInput
      className={classes.search}
      size="sm"
      type="search"
      aria-label={texts.worklist.search}
      placeholder={hint}
      maxLength={200}
      leftSection={<IconSearch size={16} aria-hidden />}
      value={field.words}
      onChange={(event) => {
        const words = event.currentTarget.value;
        setField((now) => ({ ...now, words }));
        search(words);
      }}
    />
  );
}

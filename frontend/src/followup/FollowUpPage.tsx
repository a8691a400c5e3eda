import { Alert, Anchor, Group, Stack, Switch, Text, Title } from "@mantine/core";
import { IconInfoCircle } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";

import { useFollowUp } from "../api/followUp";
import { useModality } from "../api/options";
import { Problem } from "../api/problem";
import type { FollowUp, Scan } from "../api/types";
import { useTexts } from "../common/useTexts";
import { NotFound } from "../common/NotFound";
import { ProblemAlert } from "../common/ProblemAlert";
import { Waiting } from "../common/Waiting";
import { texts } from "../texts";
import { Changes } from "./Changes";
import classes from "./FollowUpPage.module.css";
import { Side } from "./Side";
import { TimeLine } from "./TimeLine";
import { type SideName, SIDES, useTogether } from "./useTogether";

/** A patient's eye, or a patient, over time: the line of time, and two of its days side by side. */
export default function FollowUpPage() {
  const { id = "" } = useParams();
  const found = useFollowUp(id);
  const asked = found.data?.scans.find((scan) => scan.id === id) ?? found.data?.scans.at(-1);
  const modality = useModality(asked?.modality ?? "");
  useEffect(() => {
    document.title = `${texts.followUp.title} · ${texts.shell.product}`;
  }, []);
  if (found.error instanceof Problem && found.error.status === 404) return <NotFound />;
  if (!found.data && found.error) {
    return (
      <Stack p="md">
        <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />
      </Stack>
    );
  }
  if (!found.data) return <Waiting text={texts.common.loading} height="70vh" />;
  const { missing } = found.data;
  const part = asked?.eye ? texts.common.eyes[asked.eye] : (modality?.title ?? "");
  return (
    <Stack p="md" gap="sm">
      <Group justify="space-between">
        <Title order={1} size="h3" style={{ overflowWrap: "anywhere" }}>
          {asked ? texts.followUp.of(asked.patient_ref, part) : texts.followUp.title}
        </Title>
        <Anchor component={Link} to={`/scans/${id}`} size="sm">
          {texts.followUp.back}
        </Anchor>
      </Group>
      {missing.length > 0 ? (
        <Missing missing={missing} scan={id} />
      ) : (
        <Compared found={found.data} asked={id} />
      )}
    </Stack>
  );
}

function Missing({ missing, scan }: { missing: FollowUp["missing"]; scan: string }) {
  const [first, second] = missing;
  return (
    <Alert icon={<IconInfoCircle aria-hidden />} color="blue">
      {first && texts.followUp.missing[second ? "both" : first]}{" "}
      <Anchor component={Link} to={`/scans/${scan}`} inherit>
        {texts.followUp.enter}
      </Anchor>
    </Alert>
  );
}

/** Which two of the scans are shown: those of the address, or else the one that was asked for and the one before it. */
function useSides(scans: readonly Scan[], asked: string): [Record<SideName, Scan | undefined>, Choose] {
  const [search, setSearch] = useSearchParams();
  const named = (side: SideName) => scans.find((scan) => scan.id === search.get(side));
  // Of a volume, the asked B-scan need not be the one that stands for it.
  const at = Math.max(
    scans.findIndex((scan) => scan.id === asked),
    0,
  );
  const later = at === 0 ? 1 : at;
  const sides = { left: named("left") ?? scans[later - 1], right: named("right") ?? scans[later] };
  const choose: Choose = (side, id) =>
    setSearch((before) => ({ ...Object.fromEntries(before), [side]: id }), { replace: true });
  return [sides, choose];
}

type Choose = (side: SideName, id: string) => void;

function Compared({ found: { scans, more }, asked }: { found: FollowUp; asked: string }) {
  const [sides, choose] = useSides(scans, asked);
  const modality = scans.at(-1)?.modality ?? "";
  const words = useTexts(modality).followUp;
  const about = useModality(modality)?.eye === false ? "patient" : "eye";
  const [together, setTogether] = useState(true);
  const [heat, setHeat] = useState(false);
  const { left, right } = sides;
  // One answer would tell of the other: both, or none.
  const revealed = [left, right].every((scan) => scan && !scan.answer_hidden);
  const linked = useTogether(together);
  return (
    <>
      <TimeLine scans={scans} sides={sides} revealed={revealed} onChoose={choose} />
      {more && <Text size="sm">{texts.followUp.more(scans.length)}</Text>}
      {scans.length < 2 && <Text>{words.alone[about]}</Text>}
      <Group gap="lg">
        {left && right && (
          <Switch
            label={texts.followUp.together}
            checked={together}
            onChange={(event) => setTogether(event.currentTarget.checked)}
          />
        )}
        {revealed && (
          <Switch
            label={texts.followUp.heat}
            checked={heat}
            onChange={(event) => setHeat(event.currentTarget.checked)}
          />
        )}
      </Group>
      <div className={classes.pair}>
        {SIDES.map((side) => {
          const scan = sides[side];
          return (
            scan && (
              <Side
                key={`${side} ${scan.id}`}
                side={side}
                scan={scan}
                heat={heat && revealed}
                revealed={revealed}
                linked={linked}
              />
            )
          );
        })}
      </div>
      {together && linked.linking && left?.volume && right?.volume && (
        <Text size="xs" c="dimmed">
          {linked.linking === "distance" ? words.byDistance : words.byShare}
        </Text>
      )}
      {left && right && left.id !== right.id && <Changes left={left} right={right} revealed={revealed} />}
    </>
  );
}

import { Button, Stack } from "@mantine/core";
import { useRef, useState } from "react";

import type { Reading, ReviewChange, Scan, Verdict } from "../api/types";
import { ProblemAlert } from "../common/ProblemAlert";
import { useKeys } from "../common/keys";
import { namesLabel } from "../common/answer";
import { useUnsaved, useUnsent } from "../common/unsaved";
import { texts } from "../texts";
import { GivenVerdict } from "./GivenVerdict";
import { askedFor, requestFor, type Field, missingField } from "./verdictRequest";
import { LabelFields } from "./LabelFields";
import { isEmpty, type Typed } from "./OwnVerdict";
import { Section } from "./Section";
import { shownPrediction, useVerdict } from "./useVerdict";
import { KeyHint, VerdictFields } from "./VerdictFields";
import { VerdictFrame } from "./VerdictFrame";

interface Props {
  user: string;
  scan: Scan;
  reading: Reading;
  /** What the verdict is called. */
  title?: string;
  /** Called when a key has chosen a verdict: Enter then gives the verdict. */
  onChosen: () => void;
}

/** Asks for the reader's verdict, and shows it once it is given. */
export function VerdictForm({ user, scan, reading, title = texts.reading.verdict, onChosen }: Props) {
  const [own, { typed, given, late, sentAt, problem }] = useVerdict(user, scan);
  const [changing, setChanging] = useState(false);
  const [tried, setTried] = useState(false);
  const section = useRef<HTMLDivElement>(null);
  const before = reading.own;
  const asks = before === null || changing || !isEmpty(typed) || problem !== null;
  const missing = missingField(typed, scan);
  const asked = askedFor(scan);
  const judges = asked === "verdict";
  const about = shownPrediction(scan);

  const focus = (field: Field) => {
    // The field may exist only after the choice is rendered.
    requestAnimationFrame(() => {
      const found = section.current?.querySelector<HTMLElement>(`[data-field=${field}]`);
      found?.focus();
      if (field === "label") found?.click(); // opens its list
    });
  };
  const choose = (verdict: Verdict) => {
    if (!asks) setChanging(true);
    setTried(false);
    own.type({ verdict, about });
  };
  const chooseByKey = (verdict: Verdict) => {
    choose(verdict);
    onChosen();
  };
  const give = async (body: ReviewChange) => {
    await own.give(body, before?.id ?? null);
    setChanging(false);
    setTried(false);
  };
  // A label that was chosen before another B-scan came to stand for the volume is given on what is seen now.
  const request = () => requestFor({ ...typed, about: typed.about ?? about }, scan);
  const submit = () => {
    setTried(true);
    if (missing) focus(missing);
    else void give(request());
  };
  const cancel = () => {
    own.drop();
    setChanging(false);
    setTried(false);
  };
  useKeys({
    a: () => {
      if (!judges || given) return;
      chooseByKey("agree");
      if (!namesLabel(scan)) focus("label");
    },
    d: () => {
      if (given) return;
      if (judges) chooseByKey("disagree");
      focus("label");
    },
    u: () => !given && (judges ? chooseByKey("unsure") : focus("unsure")),
    enter: () => {
      if (given || isEmpty(typed)) return false;
      return submit();
    },
    "ctrl+enter": () => !given && !isEmpty(typed) && submit(),
  });
  useUnsaved(() =>
    given || isEmpty(typed)
      ? null
      : {
          title: texts.reading.notGiven,
          saveLabel: texts.reading.giveAndGoOn,
          save: missing
            ? null
            : () => {
                void give(request()); // which keeps it, even if sending fails
                return Promise.resolve(true);
              },
          drop: cancel,
        },
  );
  useUnsent(() => own.snapshot().given !== null, own.flush);

  const busy = given !== null && !late;
  const cancels = before && (
    <Button variant="default" disabled={busy} onClick={cancel}>
      {texts.common.cancel}
    </Button>
  );
  const frame = { busy, onSubmit: submit };
  const type = (values: Partial<Typed>) => own.type(values);
  return (
    <Section title={asked === "blind" ? texts.reading.blindTitle : title} testid="verdict">
      <Stack gap="sm" ref={section}>
        {given && late ? (
          <GivenVerdict
            verdict={given.body.verdict}
            label={given.body.label ?? ""}
            comment={given.body.comment}
            waitsSince={given.at}
            onSend={own.flush}
            onChange={() => own.takeBack()}
          />
        ) : !asks && before ? (
          <GivenVerdict
            verdict={before.verdict}
            label={
              before.verdict === "agree" && namesLabel({ state: before.model_state }) ? "" : before.label
            }
            comment={before.comment}
            blind={before.blind}
            sentAt={sentAt}
            onChange={() => setChanging(true)}
          />
        ) : !judges ? (
          <VerdictFrame
            {...frame}
            submitLabel={texts.reading.blindSubmit}
            ready={typed.label !== null}
            other={
              <>
                <Button
                  variant="default"
                  data-field="unsure"
                  disabled={busy}
                  onClick={() => void give(requestFor({ ...typed, label: null, about }, scan, "unsure"))}
                >
                  {texts.reading.unsure}
                </Button>
                {cancels}
              </>
            }
          >
            <LabelFields
              scan={scan}
              help={
                asked === "label"
                  ? texts.reading.namesHelp
                  : reading.would_be_blind
                    ? texts.reading.blindHelp
                    : texts.reading.notBlindHelp
              }
              typed={typed}
              onType={(values) => type(values.label ? { ...values, about } : values)}
            />
          </VerdictFrame>
        ) : (
          <VerdictFrame
            {...frame}
            submitLabel={texts.reading.submit}
            ready={typed.verdict !== null}
            hint={typed.verdict && <KeyHint />}
            other={cancels}
          >
            <VerdictFields
              scan={scan}
              typed={typed}
              missing={tried ? missing : null}
              onChoose={choose}
              onType={type}
            />
          </VerdictFrame>
        )}
        {problem && !given && <ProblemAlert error={problem} />}
      </Stack>
    </Section>
  );
}

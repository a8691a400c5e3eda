import { ActionIcon, Button, Group, Menu, Modal, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import {
  IconArrowLeft,
  IconColumns2,
  IconDotsVertical,
  IconFileTypePdf,
  IconHeartbeat,
  IconTimeline,
  IconTrash,
} from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";

import { scanFhir, scanReport, useDelete } from "../api/scans";
import type { Scan } from "../api/types";
import { download } from "../common/download";
import { ProblemAlert } from "../common/ProblemAlert";
import { useKeys } from "../common/keys";
import { useTexts } from "../common/useTexts";
import { useMay } from "../api/accounts";
import { texts } from "../texts";
import { NextButton } from "../worklist/NextButton";
import { useNextUnread, useScanBefore } from "../worklist/useNextUnread";

/** Back, on to the next scan, and what can be done with this one as a whole. */
export function Actions({ scan }: { scan: Scan }) {
  const [search] = useSearchParams();
  const from = search.get("from") ?? "";
  const navigate = useNavigate();
  const mayExport = useMay("may_export");
  const reads = useMay("may_read");
  const seesPatients = useMay("may_see_patients");
  const [asking, setAsking] = useState(false);
  const words = useTexts(scan.modality);
  const report = useMutation({
    mutationFn: () => scanReport(scan.id),
    onSuccess: (content) => download(content, `retinote-${scan.id}.pdf`),
    onError: notifyProblem,
  });
  const record = useMutation({
    mutationFn: () => scanFhir(scan.id),
    onSuccess: (content) => download(content, `retinote-${scan.id}.fhir.json`),
    onError: notifyProblem,
  });
  const next = useNextUnread(from, scan.id);
  const back = useScanBefore(from);
  const remove = useDelete(scan);
  const leave = () => {
    notifications.show({ message: volume ? texts.reading.volumeDeleted : texts.reading.deleted });
    void navigate(`/?${from}`);
  };
  useKeys(reads ? { n: next.open, "shift+n": back } : {});
  const { patient_ref: patient, volume } = scan;
  return (
    <Group
      justify="space-between"
      px="md"
      py={8}
      gap="xs"
      style={{ borderBottom: "1px solid var(--mantine-color-default-border)" }}
    >
      <Button
        component={Link}
        to={from ? `/?${from}` : "/"}
        size="compact-md"
        variant="subtle"
        leftSection={<IconArrowLeft size={16} aria-hidden />}
      >
        {texts.reading.back}
      </Button>
      <Group gap={4}>
        {reads && (
          <NextButton
            size="compact-md"
            label={texts.reading.next}
            title={texts.reading.nextHelp}
            next={next}
          />
        )}
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon
              size={30}
              variant="default"
              aria-label={texts.reading.more}
              loading={report.isPending || record.isPending}
            >
              <IconDotsVertical size={18} aria-hidden />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {mayExport && (
              <Menu.Item
                leftSection={<IconFileTypePdf size={16} aria-hidden />}
                onClick={() => report.mutate()}
              >
                {texts.reading.report}
              </Menu.Item>
            )}
            {mayExport && (
              <Menu.Item
                leftSection={<IconHeartbeat size={16} aria-hidden />}
                onClick={() => record.mutate()}
              >
                {texts.reading.record}
              </Menu.Item>
            )}
            <Menu.Item
              component={Link}
              to={`/compare?left=${scan.id}`}
              leftSection={<IconColumns2 size={16} aria-hidden />}
              disabled={!patient}
            >
              {texts.reading.compare}
            </Menu.Item>
            {seesPatients && (
              <Menu.Item
                component={Link}
                to={`/follow-up/${scan.id}`}
                leftSection={<IconTimeline size={16} aria-hidden />}
              >
                {texts.followUp.open}
              </Menu.Item>
            )}
            {scan.may_change && (
              <Menu.Item
                color="red"
                leftSection={<IconTrash size={16} aria-hidden />}
                onClick={() => setAsking(true)}
              >
                {texts.reading.delete}
              </Menu.Item>
            )}
          </Menu.Dropdown>
        </Menu>
      </Group>
      <Modal
        opened={asking}
        onClose={() => setAsking(false)}
        title={volume ? texts.reading.deleteVolumeAsk : texts.reading.deleteAsk}
        centered
      >
        <Stack>
          <Text>{volume ? words.reading.deleteVolumeHelp(volume.count) : texts.reading.deleteHelp}</Text>
          {remove.error && <ProblemAlert error={remove.error} />}
          <Group>
            <Button
              color="red"
              loading={remove.isPending}
              onClick={() => remove.mutate(undefined, { onSuccess: leave })}
            >
              {texts.common.delete}
            </Button>
            <Button variant="default" onClick={() => setAsking(false)}>
              {texts.common.cancel}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Group>
  );
}

function notifyProblem(error: Error): void {
  notifications.show({ color: "red", message: error.message });
}

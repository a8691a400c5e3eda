import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "react-router";

import { useBlindReading } from "../common/blind";
import { texts } from "../texts";
import { withoutTelling } from "./filters";
import { nextUnread } from "./scans";

/** Goes on to the first scan of the list that is not read and not this one, or says that there is none. */
export function useNextUnread(query: string, id = "") {
  const navigate = useNavigate();
  const blind = useBlindReading();
  return useMutation({
    mutationFn: () => nextUnread(withoutTelling(query, blind), id),
    onSuccess: (found) => {
      if (found) void navigate(`/scans/${found}?from=${encodeURIComponent(query)}`);
      else notifications.show({ message: texts.worklist.noneLeft });
    },
    onError: (problem) => notifications.show({ color: "red", message: problem.message }),
  });
}

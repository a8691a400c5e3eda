import { lazy, Suspense } from "react";
import { Route, Routes as Switch } from "react-router";

import { Waiting } from "./common/Waiting";
import { NotFound } from "./shell/NotFound";
import { Shell } from "./shell/Shell";
import { texts } from "./texts";
import { WorklistPage } from "./worklist/WorklistPage";

const ReadingPage = lazy(() => import("./reading/ReadingPage"));
const ComparePage = lazy(() => import("./compare/ComparePage"));
const DashboardPage = lazy(() => import("./dashboard/DashboardPage"));

/** Which page stands at which address. */
export function Routes() {
  return (
    <Shell>
      <Suspense fallback={<Waiting text={texts.common.loading} />}>
        <Switch>
          <Route path="/" element={<WorklistPage />} />
          <Route path="/sign-in" element={<WorklistPage />} />
          <Route path="/scans/:id" element={<ReadingPage />} />
          <Route path="/compare" element={<ComparePage />} />
          <Route path="/dashboard" element={<DashboardPage />} />
          <Route path="*" element={<NotFound />} />
        </Switch>
      </Suspense>
    </Shell>
  );
}

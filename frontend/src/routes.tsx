import { lazy, Suspense } from "react";
import { createBrowserRouter, Outlet } from "react-router";

import { Waiting } from "./common/Waiting";
import { BrokenPart } from "./shell/BrokenPart";
import { NotFound } from "./common/NotFound";
import { Shell } from "./shell/Shell";
import { texts } from "./texts";
import { WorklistPage } from "./worklist/WorklistPage";

const ReadingPage = lazy(() => import("./reading/ReadingPage"));
const ComparePage = lazy(() => import("./compare/ComparePage"));
const FollowUpPage = lazy(() => import("./followup/FollowUpPage"));
const DashboardPage = lazy(() => import("./dashboard/DashboardPage"));

function Layout() {
  return (
    <Shell>
      <Suspense fallback={<Waiting text={texts.common.loading} />}>
        <Outlet />
      </Suspense>
    </Shell>
  );
}

/** Which page stands at which address. */
export const router = createBrowserRouter([
  {
    element: <Layout />,
    children: [
      {
        errorElement: <BrokenPart />,
        children: [
          { path: "/", element: <WorklistPage /> },
          { path: "/sign-in", element: <WorklistPage /> },
          { path: "/scans/:id", element: <ReadingPage /> },
          { path: "/compare", element: <ComparePage /> },
          { path: "/follow-up/:id", element: <FollowUpPage /> },
          { path: "/dashboard", element: <DashboardPage /> },
          { path: "*", element: <NotFound /> },
        ],
      },
    ],
  },
]);

import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "react-router";

import { Problem } from "./api/problem";
import { router } from "./routes";
import { readableColours, theme } from "./theme";

// Without a network a call fails at once with a message, instead of waiting in silence.
const client = new QueryClient({
  defaultOptions: {
    queries: {
      networkMode: "always",
      refetchOnReconnect: true,
      staleTime: 10_000,
      retry: (count, error) => count < 2 && error instanceof Problem && error.isTemporary,
    },
    mutations: { networkMode: "always" },
  },
});

/** The whole page. `nonce` is the one that the document's policy allows for style elements. */
export function App({ nonce }: { nonce: string }) {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={readableColours}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}

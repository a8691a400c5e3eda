import { createNodeResolver, importX } from "eslint-plugin-import-x";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

// Addresses and query keys stand in src/api alone, a module per resource: components call what it exports.
const ADDRESS = "An address of the API belongs in src/api, in the module of its resource.";
const CACHE = "A query key belongs in src/api, in the module of its resource: call what it exports.";
const CALL = "Calls to the API belong in src/api, in the module of their resource.";

export default defineConfig(
  { ignores: ["dist*/", "src/api/schema.ts"] },
  {
    files: ["**/*.{ts,tsx}"],
    extends: [
      tseslint.configs.recommended,
      tseslint.configs.stylistic,
      reactHooks.configs.flat["recommended-latest"],
      jsxA11y.flatConfigs.strict,
    ],
    plugins: { "import-x": importX },
    settings: {
      "import-x/extensions": [".ts", ".tsx"],
      "import-x/parsers": { "@typescript-eslint/parser": [".ts", ".tsx"] },
      "import-x/resolver-next": [createNodeResolver({ extensions: [".ts", ".tsx", ".js"] })],
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      // tsc knows.
      "@typescript-eslint/no-unused-vars": "off",
      // Arrays are indexed within bounds that stand beside them; tsc is told so.
      "@typescript-eslint/no-non-null-assertion": "off",
      // A canvas of role "application" takes the focus: its keys move it, and draw.
      "jsx-a11y/no-noninteractive-tabindex": ["error", { roles: ["application"] }],
      "import-x/no-cycle": "error",
      "import-x/no-restricted-paths": [
        "error",
        {
          zones: [
            { target: "src/api", from: "src", except: ["./api", "./texts", "./testing"] },
            { target: "src/testing", from: "src", except: ["./testing", "./api", "./texts"] },
            { target: "src/common", from: "src", except: ["./api", "./common", "./testing", "./texts"] },
            { target: "src/texts", from: "src", except: ["./texts", "./api", "./upload/formats.json"] },
          ],
        },
      ],
    },
  },
  {
    files: ["src/**"],
    ignores: ["src/api/**", "**/*.test.*"],
    rules: {
      "no-restricted-globals": [
        "error",
        { name: "fetch", message: CALL },
        { name: "XMLHttpRequest", message: CALL },
      ],
      "no-restricted-imports": [
        "error",
        {
          patterns: [{ group: ["**/api/client"], message: CALL }],
          paths: [
            { name: "@tanstack/react-query", importNames: ["useQuery", "useInfiniteQuery"], message: CACHE },
          ],
        },
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "Literal[value=/^\\u002F?api\\u002F/]", message: ADDRESS },
        { selector: "TemplateElement[value.raw=/^\\u002F?api\\u002F/]", message: ADDRESS },
        { selector: "Property[key.name='queryKey']", message: CACHE },
        { selector: "CallExpression[callee.property.name='setQueryData']", message: CACHE },
      ],
    },
  },
);

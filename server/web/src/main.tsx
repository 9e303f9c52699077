/* Starts what watches the world, and draws the page. */
import { render } from "preact";

import { App } from "./components/App";
import { prefetchTranscript } from "./components/lazy_transcript";
import { watchKeys } from "./state/actions";
import { watchDrafts } from "./state/composing";
import { watchConversations } from "./state/conversations";
import { reloadForNewerBuild } from "./state/reloading";
import { startRouter } from "./state/router";
import { watchServer } from "./state/server";
import { startTheme } from "./state/theme";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/message.css";
import "./styles/markdown.css";
import "./styles/dialogs.css";

startTheme();
startRouter();
watchServer();
watchConversations();
watchDrafts();
watchKeys();

addEventListener("vite:preloadError", () => void reloadForNewerBuild());

const root = document.getElementById("app");
if (root) render(<App />, root);
prefetchTranscript();

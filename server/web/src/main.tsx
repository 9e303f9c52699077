/* Starts what watches the world, and draws the page. */
import { render } from "preact";

import { App } from "./components/App";
import { prefetchTranscript } from "./components/lazy_transcript";
import { watchKeys } from "./state/actions";
import { watchDrafts } from "./state/composing";
import { watchConversations } from "./state/conversations";
import { startRouter } from "./state/router";
import { watchServer } from "./state/server";
import { keep, recall } from "./state/storage";
import { startTheme } from "./state/theme";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/composer.css";
import "./styles/message.css";
import "./styles/markdown.css";
import "./styles/dialogs.css";

startTheme();
startRouter();
watchServer();
watchConversations();
watchDrafts();
watchKeys();

// A part of the page that cannot be fetched any more belongs to an older build: once, the newer one is fetched.
addEventListener("vite:preloadError", (event) => {
  if (recall(sessionStorage, "reloaded")) return;
  event.preventDefault();
  keep(sessionStorage, "reloaded", true);
  location.reload();
});

const root = document.getElementById("app");
if (root) render(<App />, root);
prefetchTranscript();

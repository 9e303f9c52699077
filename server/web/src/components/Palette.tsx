/* Finds a conversation by a word in it, and everything that can be done. */
import { useEffect, useState } from "preact/hooks";

import type { Match } from "../api/types";
import { newChat } from "../state/actions";
import { currentChat } from "../state/chat";
import { closeDialog, dialog } from "../state/dialogs";
import { nextTheme } from "../state/theme";
import { isSearching, matches, search, searchFailure } from "../state/search";
import { toggleSidebar } from "../state/preferences";
import { navigate } from "../state/router";
import { chatModels } from "../state/server";
import { pickModel } from "../state/settings";
import { words } from "../words";
import { Dialog } from "./Dialog";

interface Choice {
  readonly key: string;
  readonly group: string;
  readonly label: string;
  readonly match?: Match;
  readonly run: () => void;
}

export function Palette() {
  const [text, setText] = useState("");
  const [index, setIndex] = useState(0);
  const choices = [...found(), ...actions(text)];
  useEffect(() => search(text), [text]);
  useEffect(() => setIndex(0), [text, matches.value]);
  const run = (choice: Choice | undefined): void => {
    if (!choice) return;
    closeDialog();
    choice.run();
  };
  const keyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.isComposing || (!step && event.key !== "Enter")) return;
    event.preventDefault();
    if (step) setIndex((index + step + choices.length) % Math.max(1, choices.length));
    else run(choices[index]);
  };
  return (
    <Dialog title={words.palette.title} isTitleHidden onClose={closeDialog} class="palette">
      <input
        type="text"
        role="combobox"
        list={undefined}
        aria-expanded="true"
        aria-controls="choices"
        aria-activedescendant={choices[index] ? `choice-${index}` : undefined}
        aria-label={words.palette.label}
        placeholder={words.palette.label}
        autofocus
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={keyDown}
      />
      {searchFailure.value && <p role="alert">{searchFailure.value}</p>}
      <ul id="choices" role="listbox" aria-label={words.palette.title} aria-busy={isSearching.value}>
        {choices.map((choice, place) => (
          <li
            key={choice.key}
            id={`choice-${place}`}
            role="option"
            aria-selected={place === index}
            class="choice"
            onClick={() => run(choice)}
          >
            <span dir="auto">{choice.label}</span>
            {choice.match ? <Snippet match={choice.match} /> : <span class="muted small">{choice.group}</span>}
          </li>
        ))}
      </ul>
      {!choices.length && !isSearching.value && <p class="muted none">{words.palette.none}</p>}
    </Dialog>
  );
}

function Snippet({ match }: { match: Match }) {
  return (
    <span class="snippet small muted" dir="auto">
      {match.snippet.map((part, place) => (part.is_match ? <mark key={place}>{part.text}</mark> : part.text))}
    </span>
  );
}

const found = (): Choice[] =>
  matches.value.map((match) => ({
    key: match.conversation.id,
    group: words.palette.chats,
    label: match.conversation.title ?? words.untitled,
    match,
    run: () => navigate(match.conversation.id),
  }));

function actions(text: string): Choice[] {
  const all = [
    { label: words.sidebar.newChat, run: () => newChat() },
    { label: words.header.temporary, run: () => newChat(true) },
    { label: words.header.settings, run: () => void (dialog.value = { kind: "settings", chat: currentChat.value }) },
    { label: words.palette.theme, run: nextTheme },
    { label: words.sidebar.toggle, run: toggleSidebar },
    { label: words.shortcuts.title, run: () => void (dialog.value = { kind: "shortcuts" }) },
    ...chatModels.value.map((model) => ({
      label: words.palette.useModel(model.id),
      run: () => void pickModel(currentChat.value, model),
    })),
  ];
  const wanted = text.trim().toLowerCase();
  return all
    .filter(({ label }) => label.toLowerCase().includes(wanted))
    .map((action) => ({ ...action, key: action.label, group: words.palette.actions }));
}

/* A chat that has not begun: what this is, and something to begin with. */
import { currentChat } from "../state/chat";
import { draft, submit } from "../state/composing";
import { linkedQuestion, navigate } from "../state/router";
import { modelOf } from "../state/settings";
import { words } from "../words";

export function Welcome() {
  const model = modelOf(currentChat.value)?.id ?? null;
  const isTemporary = currentChat.value.isTemporary.value;
  const ask = (text: string) => () => {
    draft.value = text;
    void submit();
  };
  return (
    <div class="welcome">
      <p class="welcome-title">{words.welcome.title}</p>
      <p class="muted">{isTemporary ? words.header.temporaryNote : words.welcome.text(model)}</p>
      {linkedQuestion.value ? <Linked text={linkedQuestion.value} /> : (
        <ul class="examples">
          {words.welcome.examples.map((example) => (
            <li key={example}>
              <button type="button" class="button example" onClick={ask(example)}>
                {example}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** A link must not ask by itself: the person may not know what is in it. */
function Linked({ text }: { text: string }) {
  const ask = (): void => {
    navigate(null, { replace: true });
    draft.value = text;
    void submit();
  };
  return (
    <div class="linked">
      <p>{words.welcome.linked}</p>
      <blockquote dir="auto">{text}</blockquote>
      <button type="button" class="button button-main" onClick={ask}>
        {words.welcome.ask}
      </button>
    </div>
  );
}

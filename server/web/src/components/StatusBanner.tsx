/* What stands in the way of an answer: no server, no model yet, a newer page. */
import { currentChat } from "../state/chat";
import { isOffline, isOnItsWay, isOutdated, isTriedAgain, load, lookAgain, messageOfModel, nameOfState, readiness, stateOf } from "../state/server";
import { askForKey, keyPutOff } from "../state/session";
import { modelOf } from "../state/settings";
import { words } from "../words";
import { ModelProgress } from "./ModelProgress";

export function StatusBanner() {
  if (isOffline.value) return <Banner text={words.banner.offline} action={words.banner.tryAgain} onAction={() => void lookAgain()} />;
  if (keyPutOff.value) return <Banner text={words.key.missing} action={words.key.give} onAction={askForKey} />;
  if (readiness.value?.status === "stopping") return <Banner text={words.banner.stopping} />;
  const model = modelOf(currentChat.value);
  if (model && stateOf(model) === "failed") {
    const text = words.banner.failed(model.id, messageOfModel(model));
    if (isTriedAgain(model)) return <Banner text={`${text} ${words.banner.triedAgain}`} />;
    return <Banner text={text} action={words.banner.tryAgain} onAction={() => void load(model.id)} />;
  }
  if (model && isOnItsWay(model)) {
    return (
      <Banner text={words.banner.loading(model.id, nameOfState(stateOf(model)))}>
        <ModelProgress model={model} />
      </Banner>
    );
  }
  if (isOutdated.value) return <Banner text={words.banner.outdated} action={words.banner.reload} onAction={() => location.reload()} />;
  return null;
}

interface BannerProps {
  readonly text: string;
  readonly action?: string;
  readonly onAction?: () => void;
  readonly children?: preact.ComponentChildren;
}

function Banner({ text, action, onAction, children }: BannerProps) {
  return (
    <div class="banner" role="status">
      <span>{text}</span>
      {children}
      {action && (
        <button type="button" class="button button-small" onClick={onAction}>
          {action}
        </button>
      )}
    </div>
  );
}

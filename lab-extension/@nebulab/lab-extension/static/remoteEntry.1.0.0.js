// The page's part of a Galaxy session: a warning before an idle session ends, its messages, the time that is left.
//
// Written by hand as the container that JupyterLab's module federation expects (`init`, `get`), so that it needs no
// build and no node; JupyterLab's own modules come from the share scope that `init` receives.
(() => {
  'use strict';

  const NAME = '@nebulab/lab-extension';
  const POLL_MILLISECONDS = 30000;
  let shareScope = null;

  /** Return a module that JupyterLab shares; each of those used here exists once on the page. */
  async function shared(name) {
    const versions = Object.values(shareScope[name] ?? {});
    if (versions.length === 0) {
      throw new Error(`JupyterLab shares no ${name}`);
    }
    const chosen = versions.find(version => version.loaded) ?? versions[0];
    return (await chosen.get())();
  }

  /** Return the time left in words: minutes, and seconds within the last minute. */
  function inWords(seconds) {
    const whole = Math.max(0, Math.round(seconds));
    return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min`;
  }

  /** Asks the server's extension about the session. */
  class Session {
    constructor(ServerConnection, URLExt, settings) {
      this._connection = ServerConnection;
      this._settings = settings;
      this._url = URLExt.join(settings.baseUrl, 'nebulab', 'session');
    }

    async status() {
      return this._ask({ method: 'GET' });
    }

    async extend() {
      return this._ask({ method: 'POST' });
    }

    async _ask(init) {
      const answer = await this._connection.makeRequest(this._url, init, this._settings);
      if (answer.status === 404) {
        return null; // this JupyterLab has no session around it
      }
      if (!answer.ok) {
        throw new Error(`the session answered ${answer.status}`);
      }
      return answer.json();
    }
  }

  /** What the user sees: one warning, one notification a message, an item in the status bar. */
  class Display {
    constructor(Notification, session) {
      this._notification = Notification;
      this._session = session;
      this._warning = null;
      this._told = new Map();
      this.onTimeLeft = () => undefined;
    }

    show(status) {
      const messages = status.messages ?? [];
      for (const message of messages) {
        this._tell(message);
      }
      this._takeBack(messages);
      const left = status.ends_in_seconds;
      this.onTimeLeft(left);
      if (left === null || left === undefined) {
        this._clear();
      } else {
        this._warn(left);
      }
    }

    _tell(message) {
      const key = this._key(message);
      if (!this._told.has(key)) {
        this._told.set(key, this._notification.warning(message.text, { autoClose: false }));
      }
    }

    /** Close what is true no longer: the session does not tell it any more. */
    _takeBack(messages) {
      const keys = new Set(messages.map(message => this._key(message)));
      for (const [key, id] of this._told) {
        if (!keys.has(key)) {
          this._told.delete(key);
          this._notification.dismiss(id);
        }
      }
    }

    _key(message) {
      return `${message.time} ${message.text}`;
    }

    _warn(left) {
      const text =
        `Nothing has been computed here for a while: this session ends in ${inWords(left)}. ` +
        'Your notebooks and outputs are kept in the history.';
      if (this._warning !== null && this._notification.manager.has(this._warning)) {
        this._notification.update({ id: this._warning, message: text });
        return;
      }
      if (this._warning !== null && !this._isUrgent(left)) {
        return; // the user has closed it, and it is not the last minute
      }
      this._warning = this._notification.warning(text, {
        autoClose: false,
        actions: [{ label: 'Keep it running', displayType: 'accent', callback: () => void this._extend() }]
      });
    }

    _isUrgent(left) {
      return left <= 60;
    }

    _clear() {
      if (this._warning !== null) {
        this._notification.dismiss(this._warning);
        this._warning = null;
      }
    }

    async _extend() {
      try {
        const status = await this._session.extend();
        this._clear();
        this._notification.success('The session keeps running.', { autoClose: 5000 });
        if (status !== null) {
          this.show(status);
        }
      } catch (error) {
        this._warning = null;
        this._notification.error(`The session could not be kept: ${error.message}. Run a cell to keep it.`);
      }
    }
  }

  /** Put the time that is left into the status bar, when it matters. */
  async function addStatusItem(statusBar, display) {
    const { Widget } = await shared('@lumino/widgets');
    const { Signal } = await shared('@lumino/signaling');
    const item = new Widget();
    item.addClass('jp-nebulab-time-left');
    const changed = new Signal(item);
    let active = false;
    statusBar.registerStatusItem(`${NAME}:time-left`, {
      item,
      align: 'right',
      rank: 10,
      isActive: () => active,
      activeStateChanged: changed
    });
    display.onTimeLeft = left => {
      active = left !== null && left !== undefined;
      item.node.textContent = active ? `Session ends in ${inWords(left)}` : '';
      changed.emit(undefined);
    };
  }

  /** Ask twice a minute, and at once when the user comes back to the page. */
  function poll(session, display) {
    let timer = 0;
    const round = async () => {
      clearTimeout(timer);
      let status;
      try {
        status = await session.status();
      } catch {
        status = undefined; // the server is away; JupyterLab itself tells that
      }
      if (status) {
        display.show(status);
      }
      if (status !== null) {
        timer = setTimeout(() => void round(), POLL_MILLISECONDS);
      }
    };
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && timer) {
        void round();
      }
    });
    void round();
  }

  async function plugins() {
    const { Notification } = await shared('@jupyterlab/apputils');
    const { ServerConnection } = await shared('@jupyterlab/services');
    const { URLExt } = await shared('@jupyterlab/coreutils');
    const { IStatusBar } = await shared('@jupyterlab/statusbar');
    return {
      id: `${NAME}:session`,
      description: 'Warns before an idle session ends, and shows its messages.',
      autoStart: true,
      optional: [IStatusBar],
      activate: (app, statusBar) => {
        const session = new Session(ServerConnection, URLExt, app.serviceManager.serverSettings);
        const display = new Display(Notification, session);
        void app.restored.then(async () => {
          if (statusBar) {
            await addStatusItem(statusBar, display);
          }
          poll(session, display);
        });
      }
    };
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB[NAME] = {
    init: scope => {
      shareScope = scope;
    },
    get: async module => {
      if (module !== './extension') {
        throw new Error(`${NAME} has no module ${module}`);
      }
      const plugin = await plugins();
      return () => ({ __esModule: true, default: plugin });
    }
  };
})();

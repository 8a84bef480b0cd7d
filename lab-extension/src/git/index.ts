/** After a clone the file browser is in the new folder, and so the Git panel shows the repository. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';

/** As jupyterlab-git names its command. */
const CLONE = 'git:clone';

const plugin: JupyterFrontEndPlugin<void> = {
  id: '@nebulab/lab-extension:git',
  description: 'Opens the folder of a repository once it is cloned.',
  autoStart: true,
  requires: [IDefaultFileBrowser],
  activate: (app: JupyterFrontEnd, { model }: IDefaultFileBrowser): void => {
    const folders = (): string[] => [...model.items()].filter(item => item.type === 'directory').map(item => item.name);
    app.commands.commandExecuted.connect((_, { id, result }) => {
      if (id !== CLONE) {
        return;
      }
      const [path, before] = [model.path, new Set(folders())];
      const show = (): void => {
        const made = folders().filter(name => !before.has(name));
        if (model.path === path && made.length === 1) {
          void model.cd(made[0]);
        }
      };
      // The dialog that tells of a failure is jupyterlab-git's.
      result.then(show, () => undefined);
    });
  }
};

export default plugin;

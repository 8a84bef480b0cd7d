/** The plugins that Nebulab adds to JupyterLab's page, one folder a subject. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import apps from './apps';
import resources from './resources';
import session from './session';
import start from './start';

const plugins: JupyterFrontEndPlugin<unknown>[] = [session, apps, resources, start];

export default plugins;

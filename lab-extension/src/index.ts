/** The plugins that Nebulab adds to JupyterLab's page, one folder a subject. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import resources from './resources';
import session from './session';
import start from './start';

const plugins: JupyterFrontEndPlugin<unknown>[] = [session, resources, start];

export default plugins;

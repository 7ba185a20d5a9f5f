/**
 * Modules of Node that a generation needs late, or never. An import would load them at each start and so delay each
 * reload: together they take as long to load as all of core (bench/README.md).
 */
import type clusterModule from 'node:cluster'

const { getBuiltinModule } = process

export const childProcess = () => getBuiltinModule('node:child_process')
export const cluster = () => getBuiltinModule('node:cluster') as unknown as typeof clusterModule
export const module = () => getBuiltinModule('node:module')
export const tty = () => getBuiltinModule('node:tty')
export const v8 = () => getBuiltinModule('node:v8')

// The papers under the names that the console uses. Their shapes are generated
// from the server's OpenAPI document: `npm run api`.
import type { components } from './schema';

type Papers = components['schemas'];

export type Action = Papers['Action'];
export type Cause = Papers['Cause'];
export type Change = Papers['Change'];
export type Decision = Papers['Decision'];
export type Evidence = Papers['Evidence'];
export type Finding = Papers['Finding'];
export type Flow = Papers['Flow'];
export type Incident = Papers['Incident'];
export type MapEdge = Papers['Edge'];
export type MapNode = Papers['Node'];
export type Me = Papers['Me'];
export type Now = Papers['Now'];
export type Receipt = Papers['Receipt'];
export type ServiceMap = Papers['Map'];
export type AddedSource = Papers['AddedSource'];
export type NewSource = Papers['NewSource'];
export type Snippet = Papers['Snippet'];
export type Reading = Papers['Reading'];
export type Source = Papers['Source'];
export type SourceRefusal = Papers['SourceRefusal'];
export type Sources = Papers['Sources'];
export type Stop = Papers['State'];

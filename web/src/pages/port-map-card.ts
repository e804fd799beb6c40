/** The map of the host's ports. A template of plain data. */
import { html, nothing, type TemplateResult } from 'lit';
import type { PortMap } from '../../../daemon/contract/diagnosis.ts';
import { blockText, listenerState, takenText } from '../actions/ports-view.ts';

export function portMapCard(map: PortMap | null, problem: string | null): TemplateResult {
  return html`<section
    class="tk-card scroll"
    aria-labelledby="ports"
    aria-busy=${map === null && problem === null}
  >
    <header>
      <h2 id="ports" class="grow">Ports</h2>
      ${
        map === null
          ? nothing
          : html`<span class="faint tiny"
              >${map.freePlaces === 1 ? '1 more namespace fits' : `${String(map.freePlaces)} more namespaces fit`}</span
            >`
      }
    </header>
    ${
      problem !== null
        ? html`<p class="body small error">${problem}</p>`
        : map === null
          ? html`<p class="body small faint">Asking for the map.</p>`
          : portTable(map)
    }
    <footer><code>turnkeep ports</code> prints the same.</footer>
  </section>`;
}

function portTable(map: PortMap): TemplateResult {
  return html`<div class="wide" tabindex="0" role="region" aria-label="Map of ports">
    <table class="matrix">
      <thead>
        <tr>
          <th scope="col">Ports</th>
          <th scope="col">Range</th>
          <th scope="col">Taken</th>
          ${map.namespaces.map(({ namespace }) => html`<th scope="col">${namespace}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${map.ranges.map(
          (range) =>
            html`<tr>
              <th scope="row" class="nowrap">${range.title}</th>
              <td class="nowrap">${range.minPort}–${range.maxPort}</td>
              <td class="nowrap">${takenText(range)}</td>
              ${map.namespaces.map(
                (one) =>
                  html`<td class="nowrap">
                    ${blockText(one.ports, range.role)}
                    ${(() => {
                      const word = listenerState(one, range.role);
                      return word === null
                        ? nothing
                        : html`<div class="tiny ${word.state}">${word.label}</div>`;
                    })()}
                  </td>`,
              )}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

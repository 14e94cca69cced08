// Tables, also those whose parts are not written.
import { told } from './lib/told.js';
const page = `<table id=t sortable><caption id=cap>c</caption><thead id=th1><tr id=r1><th id=h1 scope=row abbr=x sorted>h<th id=h2 colspan=2></thead><tfoot id=tf><tr id=r9><td id=c9></tfoot><tbody id=b1><tr id=r2><td id=c1
rowspan=3 headers="h1 h2"><td id=c2><table id=in><tr id=ir><td id=ic></table><td id=c2b><tr id=r3><td id=c3 colspan=2></tbody><tbody id=b2><tr id=r4><td id=c4></tbody></table><table id=e></table>
<table id=bare><tr id=b_r><td id=b_c>no tbody</table>text<table id=odd>foster<div>parent</div><tr>x<td id=o_c>y<table id=deep><caption id=dc>q</caption><td id=d_c></table></table>`;
export default function () {
  told(page, [
    ...['caption', 'rows', 'tBodies', 'tFoot', 'tHead', 'sortable'].flatMap((name) => ['t', 'in', 'e', 'bare', 'odd', 'deep'].map((id) => `$('#${id}').get(0).${name}()`)),
    ...['r1', 'r2', 'r3', 'r4', 'r9', 'ir', 'b_r'].flatMap((id) => ['cells', 'rowIndex', 'sectionRowIndex'].map((name) => `$('#${id}').get(0).${name}()`)),
    ...['c1', 'c2', 'c2b', 'c3', 'c9', 'ic', 'b_c', 'd_c', 'h1', 'h2'].flatMap((id) => ['cellIndex', 'colSpan', 'rowSpan', 'headers'].map((name) => `$('#${id}').get(0).${name}()`)),
    ...['scope', 'abbr', 'sorted'].flatMap((name) => ['h1', 'h2'].map((id) => `$('#${id}').get(0).${name}()`)),
    ...['th1', 'b1', 'b2', 'tf'].map((id) => `$('#${id}').get(0).rows()`), `$('#bare').html()`, `$('body').text()`, `$('#odd').prevAll()`, `$('table td').size()`, `$('table > tr').size()`, `$('tbody > tr').size()`,
    `$('td').get(0).table_cell_element.colSpan()`, `$('tbody').get(0).table_section_element.rows()`, `$('td').get(0).element.id()`,
  ]);
}

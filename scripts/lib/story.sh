# shellcheck shell=bash
# How scripts/demo.sh tells its story: numbered steps, each with the command that a user would type,
# its output, its verdict and its time; one HTML page of them all; and a clean-up that is complete
# whenever the script ends.

work=${work:?story.sh needs the folder to work in}
story_rows=
story_number=0
# Of each step: its title, what came of it, how long it took.
story_titles=()
story_words=()
story_times=()
story_started=$SECONDS
story_child=
story_background=()
# Read by the script that sources this file: what the last command printed.
# shellcheck disable=SC2034
story_output=

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' dim='' green='' red='' plain=''
fi

mkfifo "$work/.pipe"

# Programs of the story get process groups of their own (`set -m` around their start), so that an
# interrupt can be passed on to all of one. What the script runs for itself stays in its own, else
# Ctrl-C would reach that alone.

now_ms() { local now=${EPOCHREALTIME/[.,]/}; echo "$((now / 1000))"; }

escape_html() { sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' -e 's/"/\&quot;/g'; }

# took MILLISECONDS: the time as people say it.
took() {
    if [ "$1" -lt 1000 ]; then echo "$1 ms"; else echo "$(($1 / 1000)).$(($1 % 1000 / 100)) s"; fi
}

# step TITLE: begins a numbered step.
step() {
    story_number=$((story_number + 1))
    story_titles+=("$1")
    story_words+=(pass)
    story_times+=("$(now_ms)")
    if [ "$story_number" -gt 1 ]; then end_step 2; fi
    story_rows+="<h2 id=\"step-$story_number\"><span>$story_number</span> $(escape_html <<<"$1")</h2>"$'\n'
    echo
    echo "${bold}$story_number. $1${plain}"
}

# end_step BACK: the step that many places from the end has ended now.
end_step() { story_times[-$1]=$(($(now_ms) - story_times[-$1])); }

say() { echo "   $*"; }

# expect CODE COMMAND: shows the command, runs it with bash, shows what it printed, and ends the
# demo when its exit code is another one. The output is also left in $story_output.
expect() {
    local expected="$1" command="$2" started code word printer log="$work/.output"
    echo "   ${dim}\$${plain} $command"
    started=$(now_ms)
    # Shown while it comes, and kept.
    set -m
    tee "$log" <"$work/.pipe" | sed -u 's/^/     /' &
    printer=$!
    bash -o pipefail -c "$command" >"$work/.pipe" 2>&1 </dev/null &
    story_child=$!
    set +m
    wait "$story_child"
    code=$?
    story_child=
    wait "$printer"
    # shellcheck disable=SC2034
    story_output=$(<"$log")
    case $code in
        0) word=pass ;;
        10) word=fail ;;
        11) word=undecided ;;
        *) word=error ;;
    esac
    local time mark="$green" as="as it should be"
    time=$(took $(($(now_ms) - started)))
    if [ "$word" != pass ]; then story_words[-1]=$word; fi
    if [ "$code" -ne "$expected" ]; then mark="$red" as="but $expected was expected"; fi
    echo "   ${mark}exit code $code${plain} ($word), $as, $time"
    story_rows+="<div class=\"run $word\"><code>$(escape_html <<<"$command")</code><p><b>$word</b> exit code $code, $as, $time</p>"
    if [ -s "$log" ]; then story_rows+="<details><summary>output</summary><pre>$(escape_html <"$log")</pre></details>"; fi
    story_rows+="</div>"$'\n'
    if [ "$code" -ne "$expected" ]; then
        echo "${red}The story ends here.${plain}" >&2
        exit 1
    fi
}

# shows NAME VALUE EXPECTED: ends the demo when the value is another one.
shows() {
    if [ "$2" = "$3" ]; then
        say "$1: $2"
        story_rows+="<p class=\"fact\">$(escape_html <<<"$1: $2")</p>"$'\n'
    else
        say "${red}$1: $2, but $3 was expected${plain}"
        exit 1
    fi
}

# beside NAME COMMAND...: starts a program that ends with the demo; its output goes to NAME.log.
beside() {
    local name="$1"
    shift
    set -m
    "$@" >"$work/$name.log" 2>&1 </dev/null &
    story_background+=($!)
    set +m
}

# until_true SECONDS COMMAND...: waits until the command succeeds.
until_true() {
    local limit=$((SECONDS + $1))
    shift
    until "$@"; do
        if [ "$SECONDS" -ge "$limit" ]; then return 1; fi
        sleep 0.2
    done
}

# Ends every process that the story started, the foreground one too.
end_processes() {
    end_groups ${story_child:+"$story_child"} "${story_background[@]}"
    # An interrupt may have come before a number was noted; and whoever prints goes last.
    # shellcheck disable=SC2046
    end_groups $(jobs -p)
    story_child=
    story_background=()
    return 0
}

# end_groups ID...: ends those that lead a group; others are not the story's.
end_groups() {
    local id leaders=()
    for id in "$@"; do
        if kill -TERM -- "-$id" 2>/dev/null; then leaders+=("$id"); fi
    done
    for id in "${leaders[@]}"; do
        for _ in $(seq 50); do
            kill -0 -- "-$id" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$id" 2>/dev/null
        wait "$id" 2>/dev/null
    done
}

# summary: each step with its verdict and its time, for people at a terminal.
summary() {
    local index word mark
    for index in "${!story_titles[@]}"; do
        word=${story_words[index]}
        mark="$green"
        # A gate that closes as it was meant to says no, and that is its own word.
        if [ "$word" != pass ]; then mark="$bold" word="$word, meant"; fi
        printf '   %2d  %s%-16s%s %8s  %s\n' "$((index + 1))" "$mark" "$word" "$plain" "$(took "${story_times[index]}")" "${story_titles[index]}"
    done
}

# The same as a table for the page.
overview() {
    local index
    echo '<table class="steps"><tbody>'
    for index in "${!story_titles[@]}"; do
        printf '<tr class="%s"><td>%d</td><td><a href="#step-%d">%s</a></td><td><b>%s</b></td><td>%s</td></tr>\n' \
            "${story_words[index]}" "$((index + 1))" "$((index + 1))" "$(escape_html <<<"${story_titles[index]}")" \
            "${story_words[index]}" "$(took "${story_times[index]}")"
    done
    echo '</tbody></table>'
}

# write_page FILE TITLE [CHART]: the whole story on one page, with an SVG chart above it.
write_page() {
    local chart=
    end_step 1
    if [ -n "${3:-}" ] && [ -s "$3" ]; then
        chart="<figure>$(<"$3")</figure>"
    fi
    cat >"$1.new" <<PAGE
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>AutoScaleOps: $2</title>
<style>
:root { color-scheme: light dark; --line: #8883; --box: #8881; --good: #1a7f37; --shut: #9a6700; --bad: #cf222e; --dim: #59636e }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --shut: #d29922; --bad: #f85149; --dim: #9198a1 } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 60rem }
h1 { font-size: 1.6rem; line-height: 1.25 }
h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; border-top: 1px solid var(--line); padding-top: 1rem }
h2 span { color: var(--dim); font-weight: 400; margin-right: .3rem }
.run { margin: .6rem 0; padding: .6rem .8rem; background: var(--box); border-left: 3px solid var(--dim); border-radius: 4px }
.steps { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; font-variant-numeric: tabular-nums }
.steps td { padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
.steps td:first-child, .steps td:last-child { color: var(--dim); text-align: right; white-space: nowrap }
.steps td:nth-child(2) { width: 100% } .steps a { color: inherit; text-decoration: none }
.steps .pass b { color: var(--good) } .steps .fail b { color: var(--shut) } .steps .error b, .steps .undecided b { color: var(--bad) }
.run.pass { border-color: var(--good) } .run.fail { border-color: var(--shut) } .run.error, .run.undecided { border-color: var(--bad) }
.run.pass b { color: var(--good) } .run.fail b { color: var(--shut) } .run.error b, .run.undecided b { color: var(--bad) }
.run p { margin: .3rem 0 0; color: var(--dim); font-size: .87rem }
.fact { margin: .4rem 0 }
code, pre { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; white-space: pre-wrap }
pre { margin: .4rem 0 0; max-height: 30rem; overflow: auto }
summary { cursor: pointer; color: var(--dim); font-size: .87rem; margin-top: .2rem }
figure { margin: 0; overflow-x: auto } figure svg { width: 100%; min-width: 36rem; height: auto }
</style>
<h1>AutoScaleOps: $2</h1>
<p>$(date -u +'%Y-%m-%d %H:%M UTC'). $story_number steps in $((SECONDS - story_started)) s after the build. A step that says <em>fail</em> is a gate that was meant to close.</p>
$(overview)
$chart
$story_rows
</html>
PAGE
    mv "$1.new" "$1"
}

"""What gatepass gives to shells (2.10): the prompt function, which reads the agent's state file and starts no process
in bash and zsh, and the completion, which asks `gatepass` itself.
"""

from __future__ import annotations

PROMPTS = {
    "bash": 'gatepass_prompt() { local f=%s s="${GATEPASS_SESSION:-$AWS_PROFILE}"; '
    '[ -n "$s" ] && [ -r "$f" ] && [[ "$(<"$f")" == *"\\"$s\\": {\\"state\\": \\"active\\""* ]] && '
    "printf '[%%s] ' \"$s\"; }\n",
    "zsh": 'gatepass_prompt() { local f=%s s="${GATEPASS_SESSION:-$AWS_PROFILE}"; '
    '[[ -n "$s" && -r "$f" && "$(<"$f")" == *"\\"$s\\": {\\"state\\": \\"active\\""* ]] && '
    'print -rn -- "[$s] "; }\n',
    "fish": "function gatepass_prompt; set -l f %s; set -l s $GATEPASS_SESSION $AWS_PROFILE; "
    'test -n "$s[1]"; and test -r "$f"; and string match -q "*\\"$s[1]\\": {\\"state\\": \\"active\\"*" '
    '(cat "$f"); and echo -n "[$s[1]] "; end\n',
}


def prompt_function(shell: str, file: str) -> str:
    """The function for this shell, reading `file`, whose path may hold anything (security.md 32)."""
    return PROMPTS[shell] % ("'" + file.replace("'", "'\\''") + "'")


# `gatepass` answers one line per choice, `kind,value`, when it is asked in bash's way; the other shells ask so too.
_ASK = "_GATEPASS_COMPLETE=bash_complete gatepass"
COMPLETIONS = {
    "bash": f"""\
gatepass_complete() {{
    local line=${{COMP_LINE:0:COMP_POINT}} cut=${{COMP_WORDS[COMP_CWORD]}} kind value
    local -a typed
    read -ra typed <<< "$line"
    [[ $line == *[[:space:]] ]] && typed+=("")
    local last=${{typed[${{#typed[@]}}-1]}}
    [[ $cut == [=:@] ]] && cut=
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            command) COMPREPLY+=($(compgen -c -- "$last")) ;;
            *) COMPREPLY+=("${{value#"${{last%"$cut"}}"}}")
               [[ $value == *= ]] && compopt -o nospace ;;
        esac
    done < <(env COMP_WORDS="$line" COMP_CWORD="$((${{#typed[@]}} - 1))" {_ASK})
}} 2>/dev/null
complete -o nosort -F gatepass_complete gatepass 2>/dev/null || complete -F gatepass_complete gatepass
""",
    "zsh": f"""\
#compdef gatepass
gatepass_complete() {{
    local kind value
    local -a found unfinished
    while IFS=, read -r kind value; do
        case $kind in
            dir) _path_files -/ ;;
            file) _path_files ;;
            command) _command_names -e ;;
            *) [[ $value == *= ]] && unfinished+=("$value") || found+=("$value") ;;
        esac
    done < <(env COMP_WORDS="${{words[*]}}" COMP_CWORD="$((CURRENT - 1))" {_ASK} 2>/dev/null)
    (( $#found )) && compadd -a found
    (( $#unfinished )) && compadd -S '' -a unfinished
}}
(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit; }}
compdef gatepass_complete gatepass
""",
    "fish": f"""\
function gatepass_complete
    set -l typed (string escape -- (commandline -opc)) (commandline -ct)
    for line in (env COMP_WORDS="$typed" COMP_CWORD=(math (count $typed) - 1) {_ASK} 2>/dev/null)
        set -l found (string split -m 1 , -- $line)
        switch $found[1]
            case dir
                __fish_complete_directories $found[2]
            case file
                __fish_complete_path $found[2]
            case command
                complete -C "$found[2]"
            case '*'
                echo $found[2]
        end
    end
end
complete -c gatepass -f -a '(gatepass_complete)'
""",
}

# complete.zsh SCRIPT LINE: prints what an interactive zsh that has read SCRIPT offers at the end of LINE, one a line.
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PROMPT= PS2=; autoload -Uz compinit; compinit -u -D; source ${(q)1}"
# Each call that adds matches says them before; those that only fill arrays do not.
zpty -w shell 'compadd() { if [[ ${@[1,(i)--]} != *-[ODA]* ]]; then local -a hits; builtin compadd -A hits "$@"; print -rl -- "<"${^hits}">"; fi; builtin compadd "$@" }'
# In two pieces, since what is typed is seen too.
zpty -w shell 'finish() { print "<<e""nd>>" }; comppostfuncs=(finish); bindkey "^I" complete-word'
zpty -n -w shell "$2"$'\t'
zpty -r -m shell seen '*<<end>>*'
print -r -- "$seen" | tr -d '\r' | sed -n 's/.*<\(-*[a-z][a-z-]*\)>$/\1/p'
zpty -d shell

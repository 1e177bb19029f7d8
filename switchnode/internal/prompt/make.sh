#!/bin/sh
# Makes the clips that a switch says and plays to callers who wait: clips/<language>/<name>.wav and clips/music.wav, 8,000
# samples a second, one channel, µ-law. It needs espeak-ng and sox. What is in the tree was made by espeak-ng 1.51 (voices en-us and
# cmn-latn-pinyin; the program is GPL-3.0-or-later, what it says is not bound by that) and sox 14.4.2. The music is our own: eight bars
# of four chords, plucked by sox. Whoever changes a sentence runs this script and commits what it makes.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# say LANGUAGE VOICE NAME TEXT: without the silence around it, with 20 ms before and 60 ms after, at an even loudness.
say() {
	mkdir -p "clips/$1"
	espeak-ng -v "$2" -s 150 -w "$work/say.wav" "$4"
	sox "$work/say.wav" -b 16 "$work/fit.wav" silence 1 0.01 0.3% reverse silence 1 0.01 0.3% reverse norm -6 highpass 120 norm -5 rate -h 8000
	sox -D "$work/fit.wav" -r 8000 -c 1 -e u-law "clips/$1/$3.wav" pad 0.02 0.06
}

english() {
	say en en-us busy "The person you are calling is on the phone. Please hold the line."
	say en en-us full "All lines are busy. Please hold the line."
	say en en-us back "To hang up and be called back, press one."
	say en en-us position "You are number"
	say en en-us many "Many callers are waiting before you."
	say en en-us wait "The expected wait is about"
	say en en-us soon "The expected wait is less than a minute."
	say en en-us minute "minute."
	say en en-us minutes "minutes."
	n=1
	for word in one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty; do
		say en en-us $n "$word"
		n=$((n + 1))
	done
	n=30
	for word in thirty forty fifty sixty seventy eighty ninety; do
		say en en-us $n "$word"
		n=$((n + 10))
	done
	say en en-us 100 "hundred"
}

# mandarin NAME PINYIN: the voice reads no characters.
mandarin() {
	say zh cmn-latn-pinyin "$1" "$2"
}

chinese() {
	mandarin busy "nin2 hu1jiao4 de5 yong4hu4 zheng4zai4 tong1hua4 zhong1, qing3 bu2yao4 gua4ji1" # 您呼叫的用户正在通话中，请不要挂机
	mandarin full "xian4zai4 suo3you3 xian4lu4 dou1 zheng4mang2, qing3 bu2yao4 gua4ji1"         # 现在所有线路都正忙，请不要挂机
	mandarin back "ru2 xu1 gua4ji1 deng3dai4 hui2dian4, qing3 an4 yi1"                           # 如需挂机等待回电，请按一
	mandarin position "nin2 xian4zai4 pai2 zai4 di4"                                            # 您现在排在第
	mandarin place "wei4"                                                                       # 位
	mandarin many "qian2mian4 you3 hen3duo1 lai2dian4 zheng4zai4 deng3hou4"                     # 前面有很多来电正在等候
	mandarin wait "yu4ji4 deng3dai4 shi2jian1 da4yue1"                                          # 预计等待时间大约
	mandarin soon "yu4ji4 deng3dai4 shi2jian1 bu2dao4 yi4 fen1zhong1"                           # 预计等待时间不到一分钟
	mandarin minutes "fen1zhong1"                                                               # 分钟
	mandarin liang "liang3"                                                                     # 两: two of something
	n=0
	for word in ling2 yi1 er4 san1 si4 wu3 liu4 qi1 ba1 jiu3 shi2; do
		mandarin $n $word
		n=$((n + 1))
	done
	mandarin 100 bai3
}

# music: each bar is a chord, played up and down in eighths of 0.25 s.
music() {
	i=100
	for bar in "C3 G3 C4 E4 G4 E4 C4 G3" "A2 E3 A3 C4 E4 C4 A3 E3" "F2 C3 F3 A3 C4 A3 F3 C3" "G2 D3 G3 B3 D4 B3 G3 D3" \
		"C3 G3 E4 C4 G4 C4 E4 G3" "E3 B3 E4 G3 B3 G3 E4 B3" "F2 C3 A3 F3 C4 F3 A3 C3" "G2 D3 B3 G3 F3 G3 B3 D3"; do
		for note in $bar; do
			sox -R -n -r 16000 -b 16 "$work/$i.wav" synth 0.25 pluck "$note" fade l 0.004 0.25 0.03
			i=$((i + 1))
		done
	done
	sox "$work"/1??.wav "$work/bars.wav"
	sox -D "$work/bars.wav" -r 8000 -c 1 -e u-law clips/music.wav lowpass 3200 norm -12
}

english
chinese
music

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

# codes: what a phone hears that dials a star code. Where a number or a time follows, or stands before, the sentence is a part.
english_codes() {
	say en en-us 0 "zero"
	say en en-us star "star"
	say en en-us pound "pound"
	say en en-us plus "plus"
	say en en-us code-unknown "This code does not exist."
	say en en-us code-wrong "Something is wrong after this code."
	say en en-us forward-always "All calls are forwarded to"
	say en en-us forward-busy "While you are on the phone, calls are forwarded to"
	say en en-us forward-no-answer "Calls that you do not answer are forwarded to"
	say en en-us forward-unreachable "When your phones cannot be reached, calls are forwarded to"
	say en en-us forward-always-off "Calls ring here again."
	say en en-us forward-busy-off "Calls are no longer forwarded while you are on the phone."
	say en en-us forward-no-answer-off "Calls that you do not answer are no longer forwarded."
	say en en-us forward-unreachable-off "Calls are no longer forwarded when your phones cannot be reached."
	say en en-us disturb-not "Do not disturb is on."
	say en en-us disturb "Do not disturb is off."
	say en en-us blocked "can no longer call you."
	say en en-us blocked-withheld "Callers without a number can no longer call you."
	say en en-us unblocked "may call you again."
	say en en-us unblocked-withheld "Callers without a number may call you again."
	say en en-us called-by "You were last called by"
	say en en-us called-withheld "Your last caller did not show a number."
	say en en-us called-none "Nobody has called you yet."
	say en en-us dialled-none "This phone has called nobody yet."
	say en en-us now "less than a minute ago."
	say en en-us minute-ago "minute ago."
	say en en-us minutes-ago "minutes ago."
	say en en-us hour-ago "hour ago."
	say en en-us hours-ago "hours ago."
	say en en-us day-ago "day ago."
	say en en-us days-ago "days ago."
	say en en-us call-back "To call back, press one."
	say en en-us speed "Speed dial"
	say en en-us speed-calls "calls"
	say en en-us speed-empty "is empty."
	say en en-us enter "Enter the number, then press pound."
	say en en-us cloud-away "The system cannot be reached. Nothing was changed."
	say en en-us no-such-number "The number does not exist. Nothing was changed."
	say en en-us not-allowed "This is not allowed. Nothing was changed."
	say en en-us not-done "That did not work. Nothing was changed."
	say en en-us echo "You will hear what you say."
	say en en-us this-is "This is number"
	say en en-us this-none "This phone has no number."
	say en en-us office-open "The office is open."
	say en en-us office-closed "The office is closed."
	say en en-us office-clock "It goes by the clock."
	say en en-us office-none "There are no hours that you may change."
}

chinese_codes() {
	mandarin star "xing1"                                                                       # 星
	mandarin pound "jing3"                                                                      # 井
	mandarin plus "jia1"                                                                        # 加
	mandarin code-unknown "mei2you3 zhe4ge5 gong1neng2 dai4ma3"                                 # 没有这个功能代码
	mandarin code-wrong "dai4ma3 hou4mian4 de5 hao4ma3 you3wu4"                                 # 代码后面的号码有误
	mandarin forward-always "suo3you3 lai2dian4 zhuan3jie1 dao4"                                # 所有来电转接到
	mandarin forward-busy "mang2 shi2 lai2dian4 zhuan3jie1 dao4"                                # 忙时来电转接到
	mandarin forward-no-answer "wu2 ren2 jie1ting1 de5 lai2dian4 zhuan3jie1 dao4"               # 无人接听的来电转接到
	mandarin forward-unreachable "wu2fa3 jie1tong1 de5 lai2dian4 zhuan3jie1 dao4"               # 无法接通的来电转接到
	mandarin forward-always-off "lai2dian4 bu2zai4 zhuan3jie1"                                  # 来电不再转接
	mandarin forward-busy-off "mang2 shi2 lai2dian4 bu2zai4 zhuan3jie1"                         # 忙时来电不再转接
	mandarin forward-no-answer-off "wu2 ren2 jie1ting1 de5 lai2dian4 bu2zai4 zhuan3jie1"        # 无人接听的来电不再转接
	mandarin forward-unreachable-off "wu2fa3 jie1tong1 de5 lai2dian4 bu2zai4 zhuan3jie1"        # 无法接通的来电不再转接
	mandarin disturb-not "mian3 da3rao3 yi3 kai1qi3"                                            # 免打扰已开启
	mandarin disturb "mian3 da3rao3 yi3 guan1bi4"                                               # 免打扰已关闭
	mandarin blocked "bu4neng2 zai4 hu1jiao4 nin2"                                              # 不能再呼叫您
	mandarin blocked-withheld "yin3cang2 hao4ma3 de5 lai2dian4 bu4neng2 zai4 hu1jiao4 nin2"     # 隐藏号码的来电不能再呼叫您
	mandarin unblocked "ke3yi3 zai4ci4 hu1jiao4 nin2"                                           # 可以再次呼叫您
	mandarin unblocked-withheld "yin3cang2 hao4ma3 de5 lai2dian4 ke3yi3 zai4ci4 hu1jiao4 nin2"  # 隐藏号码的来电可以再次呼叫您
	mandarin called-by "zui4hou4 yi2ge4 lai2dian4 shi4"                                         # 最后一个来电是
	mandarin called-withheld "zui4hou4 yi2ge4 lai2dian4 yin3cang2 le5 hao4ma3"                  # 最后一个来电隐藏了号码
	mandarin called-none "hai2 mei2you3 ren2 hu1jiao4 guo4 nin2"                                # 还没有人呼叫过您
	mandarin dialled-none "zhe4 bu4 dian4hua4 hai2 mei2you3 bo1chu1 guo4"                       # 这部电话还没有拨出过
	mandarin now "bu2dao4 yi4 fen1zhong1 qian2"                                                 # 不到一分钟前
	mandarin minutes-ago "fen1zhong1 qian2"                                                     # 分钟前
	mandarin hours-ago "xiao3shi2 qian2"                                                        # 小时前
	mandarin days-ago "tian1 qian2"                                                             # 天前
	mandarin call-back "hui2bo1 qing3 an4 yi1"                                                  # 回拨请按一
	mandarin speed "su4bo1 hao4ma3"                                                             # 速拨号码
	mandarin speed-calls "hu1jiao4"                                                             # 呼叫
	mandarin speed-empty "wei4 kong4"                                                           # 为空
	mandarin enter "qing3 shu1ru4 hao4ma3, an4 jing3 hao4 jian4 jie2shu4"                       # 请输入号码，按井号键结束
	mandarin cloud-away "xi4tong3 wu2fa3 lian2jie1, mei2you3 geng1gai3"                         # 系统无法连接，没有更改
	mandarin no-such-number "hao4ma3 bu4 cun2zai4, mei2you3 geng1gai3"                          # 号码不存在，没有更改
	mandarin not-allowed "bu4 yun3xu3, mei2you3 geng1gai3"                                      # 不允许，没有更改
	mandarin not-done "cao1zuo4 shi1bai4, mei2you3 geng1gai3"                                   # 操作失败，没有更改
	mandarin echo "nin2 jiang1 ting1dao4 zi4ji3 de5 sheng1yin1"                                 # 您将听到自己的声音
	mandarin this-is "ben3ji1 hao4ma3 shi4"                                                     # 本机号码是
	mandarin this-none "ben3ji1 mei2you3 hao4ma3"                                               # 本机没有号码
	mandarin office-open "ban4gong1shi4 ying2ye4 zhong1"                                        # 办公室营业中
	mandarin office-closed "ban4gong1shi4 yi3 guan1men2"                                        # 办公室已关门
	mandarin office-clock "an4 shi2jian1biao3"                                                  # 按时间表
	mandarin office-none "mei2you3 nin2 ke3yi3 geng1gai3 de5 shi2jian1biao3"                    # 没有您可以更改的时间表
}

# mailbox: what who leaves a message hears, and who listens to theirs.
english_mailbox() {
	say en en-us vm-reached "You have reached the mailbox of"
	say en en-us vm-standard "The person you are calling cannot take your call."
	say en en-us vm-leave "Please leave a message after the tone, and press pound when you are done."
	say en en-us vm-accept "To keep this, press one. To hear it, two. To record it again, three."
	say en en-us vm-kept "It is stored."
	say en en-us vm-nothing "Nothing was recorded."
	say en en-us vm-full "There is no room for a message."
	say en en-us vm-failed "That did not work."
	say en en-us vm-bye "Good bye."
	say en en-us vm-mailbox "Enter the number of the mailbox, then press pound."
	say en en-us vm-pin "Enter your PIN, then press pound."
	say en en-us vm-wrong "That is not right, or the mailbox is locked."
	say en en-us vm-none "You have no messages."
	say en en-us vm-have "You have"
	say en en-us vm-new "new"
	say en en-us vm-old "old"
	say en en-us vm-one "message."
	say en en-us vm-many "messages."
	say en en-us vm-message "Message"
	say en en-us vm-last "There are no more messages."
	say en en-us vm-help "To hear it again, press five. Next, six. Previous, four. Delete or bring back, seven. Who and when, eight. To send it to a colleague, nine. For your greeting and PIN, zero. To end, star."
	say en en-us vm-options "For your messages, press one. To record a greeting, two. Your name, three. The standard greeting, four. A new PIN, five. To end, star."
	say en en-us vm-deleted "Deleted."
	say en en-us vm-back "Brought back."
	say en en-us vm-from "From"
	say en en-us vm-nobody "a caller without a number"
	say en en-us vm-today "today at"
	say en en-us vm-yesterday "yesterday at"
	say en en-us vm-at "at"
	say en en-us vm-new-pin "Enter a new PIN of four to twelve digits, then press pound."
	say en en-us vm-pin-again "Once more."
	say en en-us vm-pin-differs "These are not the same."
	say en en-us vm-pin-weak "Others would guess that. Choose another."
	say en en-us vm-pin-set "You have a new PIN."
	say en en-us vm-record "Speak after the tone, and press pound when you are done."
	say en en-us vm-to "Enter the number of your colleague, then press pound."
	say en en-us vm-sent "Sent."
	say en en-us vm-key "There is nothing at this key."
}

chinese_mailbox() {
	mandarin vm-reached "nin2 bo1da3 de5 shi4"                                                    # 您拨打的是
	mandarin vm-standard "nin2 bo1da3 de5 yong4hu4 zan4shi2 wu2fa3 jie1ting1"                     # 您拨打的用户暂时无法接听
	mandarin vm-leave "qing3 zai4 ti2shi4yin1 hou4 liu2yan2, an4 jing3 hao4 jian4 jie2shu4"       # 请在提示音后留言，按井号键结束
	mandarin vm-accept "bao3cun2 qing3 an4 yi1, shi4ting1 qing3 an4 er4, chong2lu4 qing3 an4 san1" # 保存请按一，试听请按二，重录请按三
	mandarin vm-kept "yi3 bao3cun2"                                                               # 已保存
	mandarin vm-nothing "mei2you3 lu4 dao4 sheng1yin1"                                            # 没有录到声音
	mandarin vm-full "liu2yan2 kong1jian1 yi3 man3"                                               # 留言空间已满
	mandarin vm-failed "cao1zuo4 shi1bai4"                                                        # 操作失败
	mandarin vm-bye "zai4jian4"                                                                   # 再见
	mandarin vm-mailbox "qing3 shu1ru4 xin4xiang1 hao4ma3, an4 jing3 hao4 jian4 jie2shu4"         # 请输入信箱号码，按井号键结束
	mandarin vm-pin "qing3 shu1ru4 mi4ma3, an4 jing3 hao4 jian4 jie2shu4"                         # 请输入密码，按井号键结束
	mandarin vm-wrong "shu1ru4 you3wu4, huo4 xin4xiang1 yi3 suo3ding4"                            # 输入有误，或信箱已锁定
	mandarin vm-none "nin2 mei2you3 liu2yan2"                                                     # 您没有留言
	mandarin vm-have "nin2 you3"                                                                  # 您有
	mandarin vm-new "tiao2 xin1"                                                                  # 条新
	mandarin vm-old "tiao2 jiu4"                                                                  # 条旧
	mandarin vm-one "liu2yan2"                                                                    # 留言
	mandarin vm-many "liu2yan2"                                                                   # 留言
	mandarin vm-message "liu2yan2 di4"                                                            # 留言第
	mandarin vm-last "mei2you3 geng4duo1 liu2yan2"                                                # 没有更多留言
	mandarin vm-help "chong2ting1 an4 wu3, xia4 yi1 tiao2 an4 liu4, shang4 yi1 tiao2 an4 si4, shan1chu2 huo4 hui1fu4 an4 qi1, lai2dian4 xin4xi1 an4 ba1, zhuan3fa1 an4 jiu3, she4zhi4 an4 ling2, jie2shu4 an4 xing1 hao4" # 重听按五…
	mandarin vm-options "shou1ting1 liu2yan2 an4 yi1, lu4zhi4 wen4hou4yu3 an4 er4, lu4zhi4 xing4ming2 an4 san1, biao1zhun3 wen4hou4yu3 an4 si4, xiu1gai3 mi4ma3 an4 wu3, jie2shu4 an4 xing1 hao4" # 收听留言按一…
	mandarin vm-deleted "yi3 shan1chu2"                                                           # 已删除
	mandarin vm-back "yi3 hui1fu4"                                                                # 已恢复
	mandarin vm-from "lai2zi4"                                                                    # 来自
	mandarin vm-nobody "wei4 xian3shi4 hao4ma3 de5 lai2dian4"                                     # 未显示号码的来电
	mandarin vm-today "jin1tian1"                                                                 # 今天
	mandarin vm-yesterday "zuo2tian1"                                                             # 昨天
	mandarin vm-at "de5"                                                                          # 的
	mandarin vm-new-pin "qing3 shu1ru4 xin1 mi4ma3, si4 dao4 shi2er4 wei4, an4 jing3 hao4 jian4 jie2shu4" # 请输入新密码，四到十二位，按井号键结束
	mandarin vm-pin-again "qing3 zai4ci4 shu1ru4"                                                 # 请再次输入
	mandarin vm-pin-differs "liang3ci4 shu1ru4 bu4 yi2zhi4"                                       # 两次输入不一致
	mandarin vm-pin-weak "mi4ma3 tai4 jian3dan1, qing3 huan4 yi2ge4"                              # 密码太简单，请换一个
	mandarin vm-pin-set "mi4ma3 yi3 xiu1gai3"                                                     # 密码已修改
	mandarin vm-record "qing3 zai4 ti2shi4yin1 hou4 jiang3hua4, an4 jing3 hao4 jian4 jie2shu4"    # 请在提示音后讲话，按井号键结束
	mandarin vm-to "qing3 shu1ru4 tong2shi4 de5 hao4ma3, an4 jing3 hao4 jian4 jie2shu4"           # 请输入同事的号码，按井号键结束
	mandarin vm-sent "yi3 fa1song4"                                                               # 已发送
	mandarin vm-key "ci3 an4jian4 wu2xiao4"                                                       # 此按键无效
}

english_pages() {
	say en en-us call-waiting "Call waiting is on."
	say en en-us call-waiting-off "Call waiting is off."
	say en en-us page "Please speak."
	say en en-us page-none "Nobody can be paged now."
	say en en-us pick-up-none "Nothing rings there."
	say en en-us parked-none "No call is parked there."
	say en en-us park "The call is parked at"
	say en en-us park-how "Hold a call, and dial this again to park it."
}

chinese_pages() {
	mandarin call-waiting "hu1jiao4 deng3dai4 yi3 kai1qi3"     # 呼叫等待已开启
	mandarin call-waiting-off "hu1jiao4 deng3dai4 yi3 guan1bi4" # 呼叫等待已关闭
	mandarin page "qing3 jiang3"                    # 请讲
	mandarin page-none "xian4zai4 wu2fa3 guang3bo1" # 现在无法广播
	mandarin pick-up-none "na4li3 mei2you3 lai2dian4" # 那里没有来电
	mandarin parked-none "na4li3 mei2you3 ting2fang4 de5 tong1hua4" # 那里没有停放的通话
	mandarin park "tong1hua4 yi3 ting2fang4 zai4"   # 通话已停放在
	mandarin park-how "qing3 xian1 bao3chi2 tong1hua4, ran2hou4 zai4ci4 bo1da3" # 请先保持通话，然后再次拨打
}

# Without arguments everything is made, else the parts that they name: "./make.sh english_codes chinese_codes".
for part in ${*:-english chinese music english_codes chinese_codes english_mailbox chinese_mailbox english_pages chinese_pages}; do
	"$part"
done

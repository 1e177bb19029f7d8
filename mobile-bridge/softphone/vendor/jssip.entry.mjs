import JsSIP from "jssip";
export const { UA, URI } = JsSIP;

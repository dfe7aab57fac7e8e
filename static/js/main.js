// What every page may gain from script; each module looks for its own data-… attribute. Without script all of it works.
import "./popover.js";
import "./submit.js";
import "./focus.js";
import "./print.js";
import "./suggest.js";

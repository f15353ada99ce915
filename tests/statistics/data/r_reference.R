# Statistics of a cohort by R's own functions, written beside the table that harmoniq is held against.
# Usage: Rscript r_reference.R participants.tsv values.tsv OUT_DIR
# values.tsv: participant_id metric tissue region raw gam
suppressPackageStartupMessages({library(lme4); library(car)})
argument <- commandArgs(trailingOnly = TRUE)
read <- function(file) read.delim(file, na.strings = "n/a", stringsAsFactors = FALSE, check.names = FALSE)
people <- read(argument[1]); long <- merge(read(argument[2]), people, by = "participant_id")
out <- argument[3]; dir.create(out, showWarnings = FALSE)
save_table <- function(rows, name) {
  table <- do.call(rbind, lapply(rows, function(r) data.frame(r, check.names = FALSE)))
  for (column in names(table)) if (is.numeric(table[[column]])) table[[column]] <- formatC(table[[column]], digits = 12, format = "g", width = 1)
  table[table == "NA"] <- "n/a"
  write.table(table, file.path(out, name), sep = "\t", quote = FALSE, row.names = FALSE, na = "n/a", eol = "\n")
}
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12), calc.derivs = FALSE, check.scaleX = "ignore")
icc <- function(formula, data, ...) suppressMessages(suppressWarnings({
  fit <- lmer(formula, data, ...); v <- as.data.frame(VarCorr(fit))$vcov
  list(icc = v[1] / sum(v), singular = isSingular(fit))
}))
unit_cohen <- function(d, n1, n2) {
  unit <- sqrt(1 / n1 + 1 / n2); t <- d / unit
  # pt() is not defined far out: no interval then.
  ncp <- function(q) tryCatch(
    uniroot(function(x) pt(t, n1 + n2 - 2, x) - q, t + c(-12, 12), tol = 1e-11)$root * unit, error = function(e) NA_real_)
  c(ncp(0.975), ncp(0.025))
}
features <- unique(long[order(long$metric, long$tissue, long$region), c("metric", "tissue", "region")])
sites <- list(); ages <- list(); groups <- list()
for (i in seq_len(nrow(features))) for (data in c("raw", "gam")) {
  f <- features[i, ]; keys <- c(as.list(f), list(data = data))
  part <- long[long$metric == f$metric & long$tissue == f$tissue & long$region == f$region, ]
  part$value <- part[[data]]; part <- part[!is.na(part$value), ]
  hc <- part[part$group == "HC", ]
  adjusted <- value ~ age + I(age^2) + sex + (1 | site); plain <- value ~ 1 + (1 | site)
  full <- lm(value ~ site + age + I(age^2) + sex, hc); table <- Anova(full, type = 2)
  site_squares <- table["site", "Sum Sq"]; rest <- table["Residuals", "Sum Sq"]
  u <- icc(plain, hc); a <- icc(adjusted, hc); ut <- icc(plain, hc, control = tight); at <- icc(adjusted, hc, control = tight)
  sites[[length(sites) + 1]] <- c(keys, list(n = nrow(hc), icc_unadjusted = u$icc, icc_adjusted = a$icc,
    icc_unadjusted_tight = ut$icc, icc_adjusted_tight = at$icc,
    singular_unadjusted = u$singular, singular_adjusted = a$singular,
    eta2 = site_squares / sum((hc$value - mean(hc$value))^2), partial_eta2 = site_squares / (site_squares + rest)))
  if (f$metric == "R2star") {
    within <- if (data == "raw") hc$site else rep("all", nrow(hc))
    hc$value <- (hc$value - ave(hc$value, within)) / ave(hc$value, within, FUN = sd)
  }
  m <- lm(value ~ age + I(age^2) + sex, hc); m0 <- lm(value ~ age + sex, hc); b <- coef(m); v <- vcov(m)
  chi2 <- as.numeric(2 * (logLik(m) - logLik(m0))); p <- pchisq(chi2, 1, lower.tail = FALSE)
  peak <- deltaMethod(m, "-b1 / (2 * b2)", parameterNames = c("b0", "b1", "b2", "b3"))
  paper <- sqrt((sqrt(v[2, 2]) / (2 * b[3]))^2 + (b[2] * sqrt(v[3, 3]) / (2 * b[3]^2))^2)
  hide <- function(x) if (p < 0.05) unname(x) else NA_real_
  ages[[length(ages) + 1]] <- c(keys, list(n = nrow(hc), b0 = b[[1]], b_age = b[[2]], b_age2 = b[[3]], b_sex = b[[4]],
    lrt_chi2 = chi2, lrt_p = p, peak_age = hide(peak$Estimate), se_peak = hide(peak$SE), se_peak_paper = hide(paper),
    rmse = sqrt(mean(residuals(m)^2))))
  chosen <- if (data == "raw") list(cross_site = "site1", within_site = "site2") else list(harmonized = c("site1", "site2"))
  for (comparison in names(chosen)) {
    two <- part[part$group == "MS" | (part$group == "HC" & part$site %in% chosen[[comparison]]), ]
    r <- residuals(lm(value ~ age + sex, two)); c1 <- r[two$group == "HC"]; c2 <- r[two$group == "MS"]
    n1 <- length(c1); n2 <- length(c2)
    d <- (mean(c1) - mean(c2)) / sqrt(((n1 - 1) * var(c1) + (n2 - 1) * var(c2)) / (n1 + n2 - 2)); ci <- unit_cohen(d, n1, n2)
    groups[[length(groups) + 1]] <- c(as.list(f), list(comparison = comparison, n_controls = n1, n_patients = n2, d = d,
      ci_low = ci[1], ci_high = ci[2], p = t.test(c1, c2, var.equal = TRUE)$p.value))
  }
}
pcs <- list()
for (key in unique(paste(features$metric, features$tissue))) for (data in c("raw", "gam")) {
  k <- strsplit(key, " ")[[1]]
  part <- long[long$metric == k[1] & long$tissue == k[2] & long$group == "HC", ]
  wide <- na.omit(reshape(part[, c("participant_id", "region", data)], idvar = "participant_id", timevar = "region", direction = "wide"))
  found <- prcomp(wide[, -1], scale. = TRUE); site <- people$site[match(wide$participant_id, people$participant_id)]
  share <- function(score) { s <- anova(lm(score ~ site))[["Sum Sq"]]; s[1] / sum(s) }
  variance <- found$sdev^2 / sum(found$sdev^2)
  pcs[[length(pcs) + 1]] <- list(metric = k[1], tissue = k[2], data = data, n = nrow(wide), variance_PC1 = variance[1],
    variance_PC2 = variance[2], eta2_PC1 = share(found$x[, 1]), eta2_PC2 = share(found$x[, 2]), mean_abs_PC1 = mean(abs(found$x[, 1])))
}
groups <- do.call(rbind, lapply(groups, function(r) data.frame(r)))
groups$p_fdr <- ave(groups$p, groups$metric, groups$tissue, groups$comparison, FUN = function(p) p.adjust(p, "BH"))
save_table(split(groups, seq_len(nrow(groups))), "r_group_differences.tsv")
# Deviations from the controls' model: of a patient by predict(), of a control by rstudent(); then EDSS on them.
zs <- list(); edss <- list()
for (i in seq_len(nrow(features))) {
  f <- features[i, ]
  part <- long[long$metric == f$metric & long$tissue == f$tissue & long$region == f$region & !is.na(long$gam), ]
  part <- part[part$group == "MS" | (part$group == "HC" & part$site %in% c("site1", "site2")), ]
  hc <- part$group == "HC"; m <- lm(gam ~ age + I(age^2) + sex, part[hc, ])
  new <- predict(m, part[!hc, ], se.fit = TRUE)
  part$z[hc] <- rstudent(m); part$z[!hc] <- (part$gam[!hc] - new$fit) / sqrt(new$se.fit^2 + new$residual.scale^2)
  zs[[length(zs) + 1]] <- data.frame(participant_id = part$participant_id, f, z = part$z)
  ms <- part[!hc, ]; fit <- summary(lm(edss ~ z + phenotype + disease_duration + sex, ms)); b <- fit$coefficients["z", ]
  chosen <- groups$p_fdr[groups$metric == f$metric & groups$tissue == f$tissue & groups$region == f$region & groups$comparison == "harmonized"] < 0.05
  edss[[length(edss) + 1]] <- data.frame(f, n = sum(fit$df[1:2]), beta = b[[1]], se = b[[2]], p = b[[4]], adj_r2 = fit$adj.r.squared, selected = chosen)
}
edss <- do.call(rbind, edss); edss$p_fdr <- NA
edss$p_fdr[edss$selected] <- p.adjust(edss$p[edss$selected], "BH")
save_table(split(edss, seq_len(nrow(edss))), "r_edss.tsv"); save_table(zs, "r_zscores.tsv")
save_table(sites, "r_site_effects.tsv"); save_table(ages, "r_age_models.tsv"); save_table(pcs, "r_pca.tsv")

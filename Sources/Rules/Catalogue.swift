/// Every rule there is. Order decides who may claim a loss first where two rules explain the
/// same one: the more specific stands before the more general. A new rule is one new file, and
/// one entry in one of these lists.
package let catalogue: [Rule] =
    gpuRules + fabricRules + pcieSettingRules + memoryAndStorageRules + placementRules
    + schedulingRules
